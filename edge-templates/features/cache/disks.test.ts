import { expect, test } from "vitest";
import { edgeGroupSettingsSchema } from "../../settings.ts";
import { type CacheZone, cacheZones, sharesOf } from "./disks.ts";

const GROUP = "3f0b1a52-5a53-4d5e-9a5e-1234567890ab";

function zonesOf(sizes: Readonly<Record<string, number>>) {
  const disks = Object.entries(sizes).map(([name, max_gb]) => ({ path: `/mnt/${name}`, max_gb }));
  return cacheZones(GROUP, edgeGroupSettingsSchema.parse({ cache: { zone_mb: 100, disks } }).cache);
}

/** The disk of each hundredth of a percent. */
function placesOn(zones: readonly [CacheZone, ...CacheZone[]]): readonly string[] {
  return sharesOf(zones).flatMap(({ zone, basisPoints }) => Array.from({ length: basisPoints }, () => zone));
}

function shareOf(zones: readonly [CacheZone, ...CacheZone[]], index: number): number {
  const places = placesOn(zones);
  return places.filter((zone) => zone === zones[index]?.name).length / places.length;
}

test("every address has a disk, and disks of one size have about as much", () => {
  const zones = zonesOf({ a: 500, b: 500, c: 500, d: 500 });
  expect(placesOn(zones)).toHaveLength(10_000);
  for (const index of [0, 1, 2, 3]) {
    expect(shareOf(zones, index)).toBeGreaterThan(0.2);
    expect(shareOf(zones, index)).toBeLessThan(0.3);
  }
});

test("a disk has by its size, and so has its index in memory", () => {
  const zones = zonesOf({ large: 900, small: 100 });
  expect(shareOf(zones, 1)).toBeGreaterThan(0.06);
  expect(shareOf(zones, 1)).toBeLessThan(0.14);
  expect(zones.map(({ zoneMb }) => zoneMb)).toEqual([90, 10]);
});

test("a disk that comes takes its own share, and nothing moves between the others; so when it goes", () => {
  const [before, after] = [placesOn(zonesOf({ a: 1, b: 1, c: 1 })), placesOn(zonesOf({ a: 1, b: 1, c: 1, d: 1 }))];
  const added = zonesOf({ d: 1 })[0].name;
  const moved = after.filter((zone, place) => zone !== before[place]);
  expect(new Set(moved)).toEqual(new Set([added]));
  expect(moved.length).toBeLessThan(3_200);
});

test("the order of the list, and the names of other disks, decide nothing", () => {
  const ordered = placesOn(zonesOf({ a: 3, b: 2 }));
  expect(placesOn(zonesOf({ b: 2, a: 3 }))).toEqual(ordered);
});
