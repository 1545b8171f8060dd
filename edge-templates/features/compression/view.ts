// compression.conf: what is compressed on its way to viewers, with what there is.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";

interface View {
  readonly types: readonly string[];
  readonly brotli: boolean;
}

const template = readTemplate<View>(import.meta.url, "compression.hbs");

/** Text in its many dresses. text/html is always among them: nginx warns when it is named. */
const TYPES = [
  ...["text/css", "text/csv", "text/javascript", "text/markdown", "text/plain", "text/vtt", "text/xml"],
  ...["application/javascript", "application/x-javascript", "application/json", "application/ld+json"],
  ...["application/geo+json", "application/manifest+json", "application/problem+json", "application/xml"],
  ...["application/rss+xml", "application/atom+xml", "application/xhtml+xml", "application/wasm"],
  ...["application/dash+xml", "application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl"],
  ...["application/vnd.ms-sstr+xml", "application/vnd.ms-fontobject", "font/otf", "font/ttf", "image/bmp"],
  ...["image/svg+xml", "image/x-icon", "image/vnd.microsoft.icon"],
];

export function compressionConf({ capabilities }: DesiredGroup): string {
  return template({ types: TYPES, brotli: capabilities.brotli });
}
