import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countryFile } from "../../openresty/test-country-file.ts";
import { openPlaces } from "./places.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-places-"));
  await writeFile(join(folder, "countries.mmdb"), countryFile({ "203.0.113.0/24": "DE", "2001:db8::/32": "FR" }));
  await writeFile(join(folder, "torn.mmdb"), "torn");
});
afterAll(() => rm(folder, { recursive: true }));

test("a country is told of addresses of both kinds; whoever is not in the file is nowhere", () => {
  const findPlace = openPlaces({ GEOIP_DB: join(folder, "countries.mmdb") });
  expect(findPlace("203.0.113.7")).toEqual({ country: "DE", asn: 0 });
  expect(findPlace("2001:db8::7")).toEqual({ country: "FR", asn: 0 });
  expect(findPlace("198.51.100.7")).toEqual({ country: "", asn: 0 });
  expect(findPlace("no address")).toEqual({ country: "", asn: 0 });
});

test("without files nobody knows", () => {
  expect(openPlaces({})("203.0.113.7")).toEqual({ country: "", asn: 0 });
});

test("a file that is none, or is not there, is told by the setting that names it", () => {
  expect(() => openPlaces({ GEOIP_DB: join(folder, "torn.mmdb") })).toThrow(/^GEOIP_DB: /);
  expect(() => openPlaces({ GEOIP_ASN_DB: join(folder, "absent.mmdb") })).toThrow(/^GEOIP_ASN_DB: /);
});
