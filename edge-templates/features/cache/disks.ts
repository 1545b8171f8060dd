// Which disks of a group hold which answers. Each disk is a zone of nginx's cache of its own; an address on the web always
// leads to the same one, and a disk that comes or goes moves no more than its own share.
import { createHash } from "node:crypto";
import type { EdgeGroupSettings } from "../../settings.ts";

export interface CacheZone {
  readonly name: string;
  readonly path: string;
  readonly zoneMb: number;
  readonly maxGb: number;
}

/** Of the whole, 0.25 % each: nginx counts shares in hundredths of a percent. */
const SLOTS = 400;
const BASIS_POINTS_PER_SLOT = 10_000 / SLOTS;

export function cacheZones(groupId: string, cache: EdgeGroupSettings["cache"]): readonly [CacheZone, ...CacheZone[]] {
  const totalGb = cache.disks.reduce((sum, disk) => sum + disk.max_gb, 0);
  const [first, ...others] = cache.disks.map(({ path, max_gb }) => ({
    // A zone that is known under one path cannot move to another in a reload: the name follows the path.
    name: `objects_${createHash("sha256").update(path).digest("hex").slice(0, 8)}`,
    // nginx deletes what it does not know in its folder, so it gets one that is nobody else's.
    path: `${path}/edgewright-${groupId.slice(0, 8)}`,
    zoneMb: Math.max(1, Math.floor((cache.zone_mb * max_gb) / totalGb)),
    maxGb: max_gb,
  }));
  if (first !== undefined) return [first, ...others];
  return [{ name: "objects", path: "cache/objects", zoneMb: cache.zone_mb, maxGb: cache.disk_max_gb }];
}

interface Share {
  readonly zone: string;
  readonly basisPoints: number;
}

/** Every slot goes to the disk that bids most for it (weighted rendezvous hashing); neighbours of one disk are joined. */
export function sharesOf(zones: readonly [CacheZone, ...CacheZone[]]): readonly Share[] {
  const shares: Share[] = [];
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const zone = zones.reduce((best, one) => (bid(one, slot) > bid(best, slot) ? one : best)).name;
    const last = shares.at(-1);
    if (last?.zone !== zone) shares.push({ zone, basisPoints: BASIS_POINTS_PER_SLOT });
    else shares.splice(-1, 1, { zone, basisPoints: last.basisPoints + BASIS_POINTS_PER_SLOT });
  }
  return shares;
}

function bid({ name, maxGb }: CacheZone, slot: number): number {
  const hash = createHash("sha256").update(`${name} ${slot}`).digest();
  // Between 0 and 1, both excluded.
  const even = (hash.readUInt32BE(0) + 0.5) / 2 ** 32;
  return -maxGb / Math.log(even);
}
