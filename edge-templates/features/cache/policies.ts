// The cache policies that come with an acceleration type. The last rule of each matches everything and says nothing:
// there the origin's own words decide.
import type { AccelerationType } from "../../desired.ts";
import type { CacheRule } from "./schema.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const originDecides: CacheRule = { match: { any: true } };

const siteAssets: CacheRule = {
  match: { extensions: "css js mjs map wasm json xml txt webmanifest" },
  content_types: "text/css text/javascript text/plain text/xml application/",
  ttl_default: DAY,
  stale_while_revalidate: MINUTE,
  stale_if_error: DAY,
};

const pictures: CacheRule = {
  match: { extensions: "avif bmp gif ico jpeg jpg png svg tif tiff webp" },
  content_types: "image/",
  ttl_default: 7 * DAY,
  stale_while_revalidate: HOUR,
  stale_if_error: 7 * DAY,
};

const fonts: CacheRule = {
  match: { extensions: "eot otf ttf woff woff2" },
  content_types: "font/ application/font application/x-font application/vnd.ms-fontobject application/octet-stream",
  ttl_default: 30 * DAY,
  stale_if_error: 30 * DAY,
};

const downloads: CacheRule = {
  match: {
    extensions: "7z apk bz2 deb dmg doc docx exe gz iso msi pdf ppt pptx rar rpm tar xls xlsx xz zip",
  },
  content_types: "application/",
  ttl_default: 7 * DAY,
  stale_if_error: 7 * DAY,
};

const MEDIA_TYPES = "video/ audio/ application/mp4 application/octet-stream";

const mediaFiles: CacheRule = {
  match: {
    extensions: "aac flac flv m4a m4s m4v mkv mov mp3 mp4 mpg oga ogg ogv opus ts cmfa cmfv wav webm weba",
  },
  content_types: MEDIA_TYPES,
  ttl_default: 30 * DAY,
  stale_if_error: 30 * DAY,
};

const MANIFEST_EXTENSIONS = "f4m ism m3u m3u8 mpd";
const MANIFEST_TYPES = "application/ audio/mpegurl audio/x-mpegurl text/plain text/xml video/";

const manifestsOnDemand: CacheRule = {
  match: { extensions: MANIFEST_EXTENSIONS },
  content_types: MANIFEST_TYPES,
  ttl_default: MINUTE,
  stale_while_revalidate: MINUTE,
  stale_if_error: HOUR,
};

const subtitles: CacheRule = {
  match: { extensions: "srt ttml vtt" },
  content_types: "text/ application/",
  ttl_default: DAY,
  stale_if_error: DAY,
};

// A live manifest changes with each segment: a viewer may be one second behind, never a segment.
const manifestsLive: CacheRule = {
  match: { extensions: MANIFEST_EXTENSIONS },
  content_types: MANIFEST_TYPES,
  ttl_default: 1,
  ttl_max: 2,
  stale_if_error: 4,
};

const segmentsLive: CacheRule = {
  match: { extensions: "aac cmfa cmfv m4a m4s m4v mp4 ts" },
  content_types: MEDIA_TYPES,
  ttl_default: HOUR,
  stale_if_error: MINUTE,
};

export const builtInRules: Readonly<Record<AccelerationType, readonly CacheRule[]>> = {
  static: [siteAssets, pictures, fonts, downloads, mediaFiles, originDecides],
  media: [manifestsOnDemand, mediaFiles, subtitles, pictures, siteAssets, originDecides],
  livestream: [manifestsLive, segmentsLive, subtitles, pictures, originDecides],
  diy: [originDecides],
};
