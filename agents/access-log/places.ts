// Where a viewer's address is: its country and the network (AS) that it belongs to, from files in MaxMind's format.
import { readFileSync } from "node:fs";
import { Reader, type Response } from "mmdb-lib";
import { ConfigError } from "../../platform/config.ts";

export interface Place {
  /** Two letters; empty when nobody knows. */
  readonly country: string;
  /** 0: nobody knows. */
  readonly asn: number;
}

export type FindPlace = (address: string) => Place;

/** Without a file, nobody knows. */
export function openPlaces(files: {
  readonly GEOIP_DB?: string | undefined;
  readonly GEOIP_ASN_DB?: string | undefined;
}): FindPlace {
  const countries = openFile("GEOIP_DB", files.GEOIP_DB);
  const networks = openFile("GEOIP_ASN_DB", files.GEOIP_ASN_DB);
  return (address) => ({
    country: countryIn(lookUp(countries, address)),
    // One file may hold both.
    asn: asnIn(lookUp(networks ?? countries, address)),
  });
}

type File = Reader<Response>;

function openFile(setting: string, path: string | undefined): File | undefined {
  if (path === undefined) return undefined;
  try {
    return new Reader(readFileSync(path));
  } catch (cause) {
    throw new ConfigError(`${setting}: ${path} cannot be read as a file in MaxMind's format.`, { cause });
  }
}

/** An address that is none, and a broken leaf of the file, are nowhere. */
function lookUp(file: File | undefined, address: string): unknown {
  if (file === undefined) return undefined;
  try {
    return file.get(address);
  } catch {
    return undefined;
  }
}

const COUNTRY = /^[A-Z]{2}$/;

/** The makers of such files disagree on where the code lies (see openresty/lua/countries.lua). */
function countryIn(found: unknown): string {
  if (!isObject(found)) return "";
  const { country, country_code: flat = country } = found;
  const { iso_code: text } = isObject(country) ? country : { iso_code: flat };
  return typeof text === "string" && COUNTRY.test(text) ? text : "";
}

const UINT32_MAX = 2 ** 32 - 1;

function asnIn(found: unknown): number {
  if (!isObject(found)) return 0;
  const { autonomous_system_number: number, asn } = found;
  const told = number ?? asn;
  // Some say "AS64500".
  const value = typeof told === "string" ? Number(told.replace(/^AS/i, "")) : told;
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= UINT32_MAX ? value : 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
