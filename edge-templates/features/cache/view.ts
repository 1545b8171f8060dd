// The `cache` part of a document, and cache.conf: the disks that answers are kept on and their index in memory.
import type { DesiredCacheRule, DesiredDistribution, DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";
import { type CacheZone, cacheZones, sharesOf } from "./disks.ts";
import type { CacheInput } from "./schema.ts";

interface View {
  readonly zones: readonly CacheZone[];
  readonly isSpread: boolean;
  readonly shares: readonly { readonly percent: number; readonly hundredths: number; readonly zone: string }[];
  readonly rest: string;
}

const template = readTemplate<View>(import.meta.url, "cache.hbs");

export function cacheConf({ id, settings: { cache } }: DesiredGroup): string {
  const zones = cacheZones(id, cache);
  const shares = sharesOf(zones);
  return template({
    zones,
    isSpread: zones.length > 1,
    shares: shares.slice(0, -1).map(({ basisPoints, zone }) => ({
      percent: Math.floor(basisPoints / 100),
      hundredths: basisPoints % 100,
      zone,
    })),
    rest: shares.at(-1)?.zone ?? "",
  });
}

export function cachePart({ cacheRules }: DesiredDistribution): CacheInput {
  return { rules: cacheRules.map(ruleOf) };
}

function ruleOf(rule: DesiredCacheRule): CacheInput["rules"][number] {
  const { mode, query, ttlByStatus } = rule;
  return {
    paths: rule.paths,
    extensions: rule.extensions,
    content_types: rule.contentTypes,
    mode: mode === "respect" ? undefined : mode,
    ttl: rule.ttlSeconds ?? undefined,
    ttl_max: rule.ttlMaxSeconds ?? undefined,
    ttl_by_status: Object.keys(ttlByStatus).length === 0 ? undefined : ttlByStatus,
    browser_ttl: rule.browserTtlSeconds ?? undefined,
    override_private: (mode === "override" && rule.isPrivateOverridden) || undefined,
    query: query.mode === "all" ? undefined : { mode: query.mode, names: query.mode === "none" ? [] : query.names },
    cookies: rule.cookies,
    headers: rule.headers,
    sliced: rule.isSliced || undefined,
    stale_while_revalidate: rule.staleWhileRevalidateSeconds ?? undefined,
    stale_if_error: rule.staleIfErrorSeconds ?? undefined,
  };
}
