// Which addresses are whose country's, where nobody has named a file: one that comes with the packages.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import type { UpSettings } from "./settings.ts";

export function countryFile({ GEOIP_DB }: UpSettings): string {
  if (GEOIP_DB !== undefined) return resolve(GEOIP_DB);
  const require = createRequire(import.meta.url);
  return require.resolve("@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb");
}
