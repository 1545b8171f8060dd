// The `cache` part of a document, and cache.conf: the disk that answers are kept on and its index in memory.
import type { DesiredCacheRule, DesiredDistribution, DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";
import type { CacheInput } from "./schema.ts";

const template = readTemplate<{ readonly zoneMb: number; readonly diskMaxGb: number }>(import.meta.url, "cache.hbs");

export function cacheConf({ settings: { cache } }: DesiredGroup): string {
  return template({ zoneMb: cache.zone_mb, diskMaxGb: cache.disk_max_gb });
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
