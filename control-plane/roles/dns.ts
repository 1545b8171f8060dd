// Who is asked for names, and where the platform's zone takes updates, as the settings say.
import { ConfigError } from "../../platform/config.ts";
import { createResolver, type Resolver } from "../../platform/dns/resolver.ts";
import { parseDnsServer } from "../../platform/dns/server-address.ts";
import { parseTsigKey } from "../../platform/dns/tsig-key.ts";
import { createZoneUpdater, type ZoneUpdater } from "../../platform/dns/update.ts";
import type { ControlPlaneConfig } from "../config.ts";

/** The first of DNS_SERVERS that answers counts. */
export function openResolver({ DNS_SERVERS: servers }: Pick<ControlPlaneConfig, "DNS_SERVERS">): Resolver {
  return createResolver({ servers });
}

/** One for each of DNS_SERVERS, for who wants to know whether they agree; without the setting, one for this machine's. */
export function openResolvers({ DNS_SERVERS: servers }: Pick<ControlPlaneConfig, "DNS_SERVERS">): readonly Resolver[] {
  return servers === undefined ? [createResolver({})] : servers.map((server) => createResolver({ servers: [server] }));
}

/** Undefined: nobody takes updates of the zone, so nothing is proven by DNS-01. */
export function openZoneUpdater(
  config: Pick<ControlPlaneConfig, "ACME_DNS_SERVER" | "ACME_DNS_TSIG" | "PLATFORM_ZONE">,
): ZoneUpdater | undefined {
  const { ACME_DNS_SERVER: serverText, ACME_DNS_TSIG: keyText, PLATFORM_ZONE: zone } = config;
  if (serverText === undefined && keyText === undefined) return undefined;
  const server = parseDnsServer(serverText ?? "");
  if (server === undefined) {
    throw new ConfigError("ACME_DNS_SERVER: is required with ACME_DNS_TSIG: it says where the zone takes updates.");
  }
  const tsig = parseTsigKey(keyText ?? "");
  if (tsig === undefined) {
    throw new ConfigError("ACME_DNS_TSIG: is required with ACME_DNS_SERVER: updates that nobody signed are not sent.");
  }
  return createZoneUpdater({ server, tsig, zone });
}
