// Providers and links as the API shows them. No secret is in it.
import type { LinkRecord } from "./link-store.ts";
import { defaultsOf, settingsOf } from "./provider-rules.ts";
import type { LinkReply, ProviderReply } from "./schema.ts";
import type { ProviderName } from "./statistics.ts";
import type { ProviderRecord } from "./store.ts";

export function providerToReply(name: ProviderName, provider: ProviderRecord | undefined): ProviderReply {
  const settings = provider === undefined ? defaultsOf(name) : settingsOf(name, provider.settings);
  return {
    name,
    is_configured: provider !== undefined,
    is_enabled: provider?.isEnabled ?? false,
    base_url: settings.base_url,
    delivery_url: settings.delivery_url,
    customer_id: settings.customer_id,
    paths: { ...settings.paths },
    is_healthy: provider?.isHealthy ?? null,
    checked_at: provider?.checkedAt?.toISOString() ?? null,
    error: provider?.checkError ?? null,
    statistics_synced_at: provider?.syncedAt?.toISOString() ?? null,
    statistics_error: provider?.syncError ?? null,
    updated_at: provider?.updatedAt.toISOString() ?? null,
  };
}

/** Our own edges need no credentials, and their traffic comes by their logs. */
export function ownEdgesToReply({ nodes, live }: { nodes: number; live: number }, now: Date): ProviderReply {
  const silent = nodes === 0 ? "There is no edge yet." : "No edge was heard of within the last minute.";
  return {
    name: "gotipath",
    ...{ is_configured: true, is_enabled: true, base_url: null, delivery_url: null, customer_id: null, paths: {} },
    is_healthy: live > 0,
    checked_at: now.toISOString(),
    error: live > 0 ? null : silent,
    ...{ statistics_synced_at: null, statistics_error: null, updated_at: null },
  };
}

export function linkToReply(link: LinkRecord): LinkReply {
  return {
    id: link.id,
    provider: link.provider,
    resource: link.resource,
    distribution_id: link.distributionId,
    account_id: link.accountId,
    since: link.since.toISOString(),
    until: link.until?.toISOString() ?? null,
    synced_until: link.syncedUntil?.toISOString() ?? null,
    error: link.syncError,
    created_at: link.createdAt.toISOString(),
  };
}
