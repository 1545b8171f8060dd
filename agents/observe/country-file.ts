// Where nginx finds the file that tells countries: a link in the edge's home, which it follows whenever it reads its files.
import { access, constants, rm, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ConfigError } from "../../platform/config.ts";

/** openresty/lua/countries.lua opens it. */
const LINK = join("local", "countries.mmdb");

/** Undefined: this edge knows no countries. */
export async function linkCountryFile(home: string, path: string | undefined): Promise<void> {
  const link = join(home, LINK);
  await rm(link, { force: true });
  if (path === undefined) return;
  const file = resolve(path);
  try {
    await access(file, constants.R_OK);
  } catch (cause) {
    throw new ConfigError(`GEOIP_DB: ${file} cannot be read.`, { cause });
  }
  await symlink(file, link);
}
