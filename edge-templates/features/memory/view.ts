// memory.conf: the shared dicts of openresty/lua, sized for the number of distributions that the group may hold.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";

interface View {
  readonly documentsMb: number;
  readonly pointersMb: number;
  readonly hostsMb: number;
  readonly addressesMb: number;
}

const template = readTemplate<View>(import.meta.url, "memory.hbs");

const MB = 1024 * 1024;
/** A slab rounds an entry up to a power of two; above 70 % full the edge refuses (openresty/lua/documents.lua). */
const FILLED_AT_MOST = 0.7;

function dictMb(entries: number, slotBytes: number): number {
  return Math.ceil((entries * slotBytes) / FILLED_AT_MOST / MB) + 1;
}

export function memoryConf({ settings }: DesiredGroup): string {
  const documents = settings.documents.count_max;
  return template({
    // An update holds the old value for a minute more, and all may be compiled anew at once. Memory that no entry has
    // touched is not resident.
    documentsMb: dictMb(documents * 2, 2048),
    pointersMb: dictMb(documents, 256),
    // Two names each.
    hostsMb: dictMb(documents * 2, 256),
    addressesMb: dictMb(documents, 256),
  });
}
