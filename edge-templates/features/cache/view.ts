// cache.conf: the disk that answers are kept on and its index in memory.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";

const template = readTemplate<{ readonly zoneMb: number; readonly diskMaxGb: number }>(import.meta.url, "cache.hbs");

export function cacheConf({ settings: { cache } }: DesiredGroup): string {
  return template({ zoneMb: cache.zone_mb, diskMaxGb: cache.disk_max_gb });
}
