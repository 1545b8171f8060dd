// The cache policies that come with an acceleration type, shown to customers as policies that nobody can change. Where no
// rule matches, and where one says nothing, the origin's own words decide.
import type { AccelerationType, DesiredCacheRule } from "../../../edge-templates/index.ts";

export interface BuiltInPolicy {
  readonly id: string;
  readonly name: AccelerationType;
  readonly description: string;
  readonly rules: readonly DesiredCacheRule[];
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A rule that matches everything and says nothing. */
const silent: DesiredCacheRule = {
  paths: [],
  extensions: [],
  contentTypes: [],
  mode: "respect",
  ttlSeconds: null,
  ttlMaxSeconds: null,
  ttlByStatus: {},
  browserTtlSeconds: null,
  isPrivateOverridden: false,
  query: { mode: "all", names: [] },
  cookies: [],
  headers: [],
  isSliced: false,
  staleWhileRevalidateSeconds: null,
  staleIfErrorSeconds: null,
};

const siteAssets: DesiredCacheRule = {
  ...silent,
  extensions: ["css", "js", "mjs", "map", "wasm", "json", "xml", "txt", "webmanifest"],
  // A page of a user's own that is asked for as `/account/x.css` is still a page.
  contentTypes: ["text/css", "text/javascript", "text/plain", "text/xml", "application/"],
  ttlSeconds: DAY,
  staleWhileRevalidateSeconds: MINUTE,
  staleIfErrorSeconds: DAY,
};

const pictures: DesiredCacheRule = {
  ...silent,
  extensions: ["avif", "bmp", "gif", "ico", "jpeg", "jpg", "png", "svg", "tif", "tiff", "webp"],
  contentTypes: ["image/"],
  ttlSeconds: 7 * DAY,
  staleWhileRevalidateSeconds: HOUR,
  staleIfErrorSeconds: 7 * DAY,
};

const fonts: DesiredCacheRule = {
  ...silent,
  extensions: ["eot", "otf", "ttf", "woff", "woff2"],
  contentTypes: [
    "font/",
    "application/font",
    "application/x-font",
    "application/vnd.ms-fontobject",
    "application/octet-stream",
  ],
  ttlSeconds: 30 * DAY,
  staleIfErrorSeconds: 30 * DAY,
};

const downloads: DesiredCacheRule = {
  ...silent,
  extensions: [
    ...["7z", "apk", "bz2", "deb", "dmg", "doc", "docx", "exe", "gz", "iso", "msi", "pdf", "ppt", "pptx"],
    ...["rar", "rpm", "tar", "xls", "xlsx", "xz", "zip"],
  ],
  contentTypes: ["application/"],
  ttlSeconds: 7 * DAY,
  staleIfErrorSeconds: 7 * DAY,
};

const MEDIA_TYPES = ["video/", "audio/", "application/mp4", "application/octet-stream"];

/** Segments and songs: small enough to be fetched whole for any part of them. */
const mediaFiles: DesiredCacheRule = {
  ...silent,
  extensions: ["aac", "cmfa", "cmfv", "m4a", "m4s", "mp3", "oga", "ogg", "opus", "ts", "weba"],
  contentTypes: MEDIA_TYPES,
  ttlSeconds: 30 * DAY,
  staleIfErrorSeconds: 30 * DAY,
};

/** Whole films and recordings: who seeks in one needs a part of it. */
const films: DesiredCacheRule = {
  ...mediaFiles,
  extensions: ["flac", "flv", "m4v", "mkv", "mov", "mp4", "mpg", "ogv", "wav", "webm"],
  isSliced: true,
};

const MANIFEST_EXTENSIONS = ["f4m", "ism", "m3u", "m3u8", "mpd"];
const MANIFEST_TYPES = ["application/", "audio/mpegurl", "audio/x-mpegurl", "text/plain", "text/xml", "video/"];

const manifestsOnDemand: DesiredCacheRule = {
  ...silent,
  extensions: MANIFEST_EXTENSIONS,
  contentTypes: MANIFEST_TYPES,
  ttlSeconds: MINUTE,
  staleWhileRevalidateSeconds: MINUTE,
  staleIfErrorSeconds: HOUR,
};

const subtitles: DesiredCacheRule = {
  ...silent,
  extensions: ["srt", "ttml", "vtt"],
  contentTypes: ["text/", "application/"],
  ttlSeconds: DAY,
  staleIfErrorSeconds: DAY,
};

// A live manifest changes with each segment: a viewer may be one second behind, never a segment.
const manifestsLive: DesiredCacheRule = {
  ...silent,
  extensions: MANIFEST_EXTENSIONS,
  contentTypes: MANIFEST_TYPES,
  ttlSeconds: 1,
  ttlMaxSeconds: 2,
  staleIfErrorSeconds: 4,
};

const segmentsLive: DesiredCacheRule = {
  ...silent,
  extensions: ["aac", "cmfa", "cmfv", "m4a", "m4s", "m4v", "mp4", "ts"],
  contentTypes: MEDIA_TYPES,
  ttlSeconds: HOUR,
  staleIfErrorSeconds: MINUTE,
};

export const builtInPolicies: Readonly<Record<AccelerationType, BuiltInPolicy>> = {
  static: {
    id: "5ec3d2a0-7a1e-4b52-9c0d-0a6f3b7e1c01",
    name: "static",
    description: "Web sites: styles, scripts, pictures, fonts and downloads are kept where the origin is silent.",
    rules: [siteAssets, pictures, fonts, downloads, mediaFiles, films],
  },
  media: {
    id: "5ec3d2a0-7a1e-4b52-9c0d-0a6f3b7e1c02",
    name: "media",
    description:
      "Video and audio on demand: segments and films are kept for a month, films in slices, manifests for a minute.",
    rules: [manifestsOnDemand, mediaFiles, films, subtitles, pictures, siteAssets],
  },
  livestream: {
    id: "5ec3d2a0-7a1e-4b52-9c0d-0a6f3b7e1c03",
    name: "livestream",
    description: "Live video: manifests are two seconds old at most, segments are kept for an hour.",
    rules: [manifestsLive, segmentsLive, subtitles, pictures],
  },
  diy: {
    id: "5ec3d2a0-7a1e-4b52-9c0d-0a6f3b7e1c04",
    name: "diy",
    description: "No rule at all: what the origin says, and what the customer's own rules say.",
    rules: [],
  },
};
