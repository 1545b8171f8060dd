// memory.conf: the shared dicts of openresty/lua, sized for the number of distributions that the group may hold.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";
import { type CacheZone, cacheZones } from "../cache/disks.ts";

interface View {
  readonly documentsKb: number;
  readonly pointersKb: number;
  readonly hostsKb: number;
  readonly certificatesKb: number;
  readonly certificateIndexKb: number;
  readonly epochsKb: number;
  readonly addressesKb: number;
  readonly checksKb: number;
  readonly zones: readonly CacheZone[];
}

const template = readTemplate<View>(import.meta.url, "memory.hbs");

const KB = 1024;
const BASE_KB = 1024;
/** A slab rounds an entry up to a power of two; above 70 % full the edge refuses (openresty/lua/documents.lua). */
const FILLED_AT_MOST = 0.7;

// In kilobytes, so that another number of documents gives every dict another size: nginx empties a dict whose size has
// changed, and they must go together.
function dictKb(entries: number, slotBytes: number): number {
  return Math.ceil((entries * slotBytes) / FILLED_AT_MOST / KB) + BASE_KB;
}

export function memoryConf({ id, settings }: DesiredGroup): string {
  const documents = settings.documents.count_max;
  return template({
    // An update holds the old value for a minute more, and all may be compiled anew at once. Memory that no entry has
    // touched is not resident.
    documentsKb: dictKb(documents * 2, 2048),
    pointersKb: dictKb(documents, 256),
    // Two names each.
    hostsKb: dictKb(documents * 2, 256),
    // One each: a chain of two and its intermediates take two pages. Two names, and which version counts.
    certificatesKb: dictKb(documents, 8192),
    certificateIndexKb: dictKb(documents * 3, 512),
    // Of those that have gone within the last month, too.
    epochsKb: dictKb(documents * 2, 256),
    addressesKb: dictKb(documents, 256),
    checksKb: dictKb(documents, 64),
    zones: cacheZones(id, settings.cache),
  });
}
