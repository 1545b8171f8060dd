// How tests ask a Pebble, as settings would say it.
import { readFileSync } from "node:fs";
import type { AuthoritySettings } from "./authority.ts";

export function authorityOf({ directoryUrl, caFile }: { directoryUrl: string; caFile: string }): AuthoritySettings {
  const root = readFileSync(caFile, "utf8");
  return { directoryUrl, root, email: undefined, externalAccount: undefined, profile: undefined };
}
