// The certificate authority and the DNS of a machine that has none of its own: whatever domain a distribution has, HTTPS works
// for it at once, for whoever trusts the root that is exported here.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { Knex } from "knex";
import { ConfigError } from "../../../platform/config.ts";
import { parseTsigKey, type TsigKey } from "../../../platform/dns/tsig-key.ts";
import { type LocalDns, startLocalDns } from "../../../platform/embedded/local-dns.ts";
import type { EmbeddedSettings } from "../../../platform/embedded/service.ts";
import { writeWholeFile } from "../../../platform/embedded/whole-file.ts";
import { delegationTarget, findWildcardAccount } from "../../domains/certificate/index.ts";
import type { UpSettings } from "./settings.ts";

export interface LocalNames {
  readonly dns: LocalDns;
  /** From now on wildcards of customers are proven as if they had set the CNAME that they are told to. */
  delegateWildcards(db: Knex): void;
  /** As ACME_DNS_TSIG says it. */
  readonly tsig: string;
}

/** The local DNS stands beside the local authority, where nobody is named who knows the names of customers. */
export function needsLocalDns(settings: UpSettings): boolean {
  if (settings.ACME_DIRECTORY_URL !== undefined || settings.DNS_SERVERS !== undefined) return false;
  if (settings.ACME_DNS_SERVER === undefined && settings.ACME_DNS_TSIG === undefined) return true;
  throw new ConfigError(
    "DNS_SERVERS: is required with ACME_DNS_SERVER and ACME_DNS_TSIG: the local authority must find there what is written to the zone.",
  );
}

export async function startLocalNames(
  settings: UpSettings,
  surroundings: Pick<EmbeddedSettings, "folder" | "log">,
): Promise<LocalNames> {
  const { text, key } = newTsigKey();
  const addresses = addressesBehind(settings.LISTEN_HOST);
  const zone = settings.PLATFORM_ZONE;
  let reads: Knex | undefined;
  const findDelegation = async (name: string) => {
    const base = name.replace(/^_acme-challenge\./, "");
    const accountId = reads === undefined ? undefined : await findWildcardAccount(reads, `*.${base}`);
    return accountId === undefined ? undefined : delegationTarget(accountId, base, zone);
  };
  const dns = await startLocalDns({ ...surroundings, zone, key, addresses, findDelegation });
  const delegateWildcards = (db: Knex) => {
    reads = db;
  };
  return { dns, tsig: text, delegateWildcards };
}

/** Known to this run alone: what is written to the zone does not outlive it either. */
function newTsigKey(): { text: string; key: TsigKey } {
  const text = `hmac-sha256:edgewright-up:${randomBytes(32).toString("base64")}`;
  const key = parseTsigKey(text);
  if (key === undefined) throw new Error("the key of this run is none");
  return { text, key };
}

function addressesBehind(listenHost: string): { ipv4: readonly string[]; ipv6: readonly string[] } {
  if (listenHost === "0.0.0.0") return { ipv4: ["127.0.0.1"], ipv6: [] };
  if (listenHost === "::") return { ipv4: [], ipv6: ["::1"] };
  return isIPv6(listenHost) ? { ipv4: [], ipv6: [listenHost] } : { ipv4: [listenHost], ipv6: [] };
}

/** Starts that an exported file remembers: certificates of former ones may still be served. */
const ROOTS_MAX = 20;

/** The newest root first. It signs nothing any more once its run has ended, but what it signed is still shown. */
export function exportRoot(dataFolder: string, root: string): void {
  const path = exportedRoots(dataFolder);
  const former = existsSync(path) ? certificatesOf(readFileSync(path, "utf8")) : [];
  const roots = [...certificatesOf(root), ...former.filter((pem) => pem !== root.trim())];
  mkdirSync(join(dataFolder, "acme"), { recursive: true, mode: 0o700 });
  writeWholeFile(path, `${roots.slice(0, ROOTS_MAX).join("\n")}\n`);
}

/** PEM: whom viewers on this machine must trust. */
export function exportedRoots(dataFolder: string): string {
  return join(dataFolder, "acme", "ca.pem");
}

function certificatesOf(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
