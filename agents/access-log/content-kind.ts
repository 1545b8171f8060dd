// What sort of thing was served, from the answer's content type; from the path where the type says nothing, as in a 304.

const contentKinds = [
  "page",
  "image",
  "style",
  "script",
  "font",
  "api",
  "audio",
  "video",
  "segment",
  "manifest",
  "download",
  "other",
] as const;
export type ContentKind = (typeof contentKinds)[number];

const kindsByType: ReadonlyMap<string, ContentKind> = new Map(
  Object.entries({
    "text/html": "page",
    "application/xhtml+xml": "page",
    "text/css": "style",
    "text/javascript": "script",
    "application/javascript": "script",
    "application/x-javascript": "script",
    "application/wasm": "script",
    "application/vnd.ms-fontobject": "font",
    "application/x-font-ttf": "font",
    "application/x-font-woff": "font",
    "application/font-woff": "font",
    "application/font-woff2": "font",
    "application/font-sfnt": "font",
    "application/vnd.apple.mpegurl": "manifest",
    "application/x-mpegurl": "manifest",
    "audio/mpegurl": "manifest",
    "audio/x-mpegurl": "manifest",
    "application/dash+xml": "manifest",
    "application/vnd.ms-sstr+xml": "manifest",
    "application/f4m+xml": "manifest",
    "video/mp2t": "segment",
    "video/iso.segment": "segment",
    "application/mp4": "video",
    "application/ogg": "audio",
    "application/json": "api",
    "text/json": "api",
    "application/x-ndjson": "api",
    "application/graphql": "api",
    "application/xml": "api",
    "text/xml": "api",
    "application/soap+xml": "api",
    "text/event-stream": "api",
    "application/x-protobuf": "api",
    "application/protobuf": "api",
    "application/grpc": "api",
    "application/pdf": "download",
    "application/octet-stream": "download",
    "binary/octet-stream": "download",
    "application/zip": "download",
    "application/gzip": "download",
    "application/x-gzip": "download",
    "application/x-tar": "download",
    "application/x-bzip2": "download",
    "application/x-xz": "download",
    "application/zstd": "download",
    "application/x-7z-compressed": "download",
    "application/vnd.rar": "download",
    "application/x-rar-compressed": "download",
    "application/epub+zip": "download",
    "application/msword": "download",
    "application/x-iso9660-image": "download",
    "application/x-apple-diskimage": "download",
    "application/x-msdownload": "download",
    "application/x-debian-package": "download",
    "application/x-rpm": "download",
    "application/vnd.android.package-archive": "download",
    "application/java-archive": "download",
  } satisfies Record<string, ContentKind>),
);

/** What begins so; asked after the whole type. */
const kindsByFamily: ReadonlyMap<string, ContentKind> = new Map(
  Object.entries({
    image: "image",
    font: "font",
    audio: "audio",
    video: "video",
  } satisfies Record<string, ContentKind>),
);

/** Office files and what other programs make of ZIP and XML. */
const DOWNLOADED = /^application\/vnd\.(openxmlformats|oasis|ms-)/;
const STRUCTURED = /\+(json|xml|protobuf)$/;

const kindsByExtension: ReadonlyMap<string, ContentKind> = new Map(
  Object.entries({
    page: "html htm xhtml php asp aspx jsp",
    image: "jpg jpeg png gif webp avif svg ico bmp tif tiff jxl heic",
    style: "css",
    script: "js mjs cjs wasm",
    font: "woff woff2 ttf otf eot",
    api: "json xml ndjson",
    audio: "mp3 m4a ogg oga opus wav flac aac",
    video: "mp4 m4v webm mov mkv ogv avi flv",
    segment: "ts m4s cmfv cmfa",
    manifest: "m3u8 m3u mpd ism f4m",
    download:
      "zip gz tgz bz2 xz zst 7z rar tar pdf exe msi dmg pkg deb rpm apk iso img bin jar doc docx xls xlsx ppt pptx csv epub",
  } satisfies Partial<Record<ContentKind, string>>).flatMap(([kind, extensions]) =>
    extensions.split(" ").map((extension) => [extension, kindNamed(kind)] as const),
  ),
);

function kindNamed(name: string): ContentKind {
  return contentKinds.find((kind) => kind === name) ?? "other";
}

/** Types that are given to what nobody has looked at; media pieces have those of whole files, `.ts` even others. */
const saysLittle: ReadonlySet<ContentKind | undefined> = new Set([undefined, "audio", "video", "download", "other"]);
const EXTENSION = /\.([a-z0-9]{1,5})$/i;
/** Pieces of a stream in files of their own: `seg-00042.mp4`, `init.mp4`, `chunk-3-17.webm`. */
const PIECE = /(?:^|[/_.-])(?:(?:seg|segment|chunk|frag|fragment)[_.-]?\d[^/]*|init[^/]*)\.(?:mp4|m4a|m4v|webm|aac)$/i;
/** A path may be long, and patterns try much. */
const END_LENGTH = 64;

export function contentKindOf(contentType: string, path: string): ContentKind {
  const told = kindOfType(contentType);
  if (told !== undefined && !saysLittle.has(told)) return told;
  const end = path.slice(-END_LENGTH);
  const [, extension = ""] = EXTENSION.exec(end) ?? [];
  const named = kindsByExtension.get(extension.toLowerCase());
  if (named === "segment" || named === "manifest") return named;
  if (PIECE.test(end)) return "segment";
  // "It is some bytes": the name may know better.
  return told === undefined || told === "download" ? (named ?? told ?? "other") : told;
}

function kindOfType(contentType: string): ContentKind | undefined {
  const end = contentType.indexOf(";");
  const type = (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
  if (type === "") return undefined;
  const known = kindsByType.get(type) ?? kindsByFamily.get(type.slice(0, type.indexOf("/")));
  if (known !== undefined) return known;
  if (DOWNLOADED.test(type)) return "download";
  return STRUCTURED.test(type) ? "api" : "other";
}
