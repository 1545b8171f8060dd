// The two hops: outer.conf and inner.conf, what they share, and the agent's control socket.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";
import { cacheZones } from "../cache/disks.ts";

interface OuterView {
  readonly ownNames: readonly string[];
  readonly cdnId: string;
  readonly https: number;
  readonly altSvc: string;
  readonly http3: boolean;
  readonly brotli: boolean;
  readonly isSampled: boolean;
}

const outer = readTemplate<OuterView>(import.meta.url, "outer.hbs");

export function outerConf({ id, ownNames, settings, capabilities }: DesiredGroup): string {
  const { https } = settings.listeners;
  return outer({
    ownNames,
    cdnId: `edgewright-${id.slice(0, 8)}`,
    https,
    brotli: capabilities.brotli,
    http3: capabilities.http3,
    isSampled: settings.logs.one_in > 1,
    altSvc: capabilities.http3 ? `h3=":${https}"; ma=86400` : "",
  });
}

type NoView = Readonly<Record<string, never>>;
const inner = readTemplate<{ readonly balancerKeepalive: boolean; readonly hasParent: boolean }>(
  import.meta.url,
  "inner.hbs",
);
const cached = readTemplate<{ readonly isSpread: boolean; readonly zone: string }>(import.meta.url, "cached.hbs");
const viewer = readTemplate<NoView>(import.meta.url, "viewer.hbs");
const origin = readTemplate<NoView>(import.meta.url, "origin.hbs");
const originVerified = readTemplate<NoView>(import.meta.url, "origin-verified.hbs");
const pass = readTemplate<NoView>(import.meta.url, "pass.hbs");
const control = readTemplate<NoView>(import.meta.url, "control.hbs");

export const innerConf = ({ capabilities, settings }: DesiredGroup): string =>
  inner({ balancerKeepalive: capabilities.balancer_keepalive, hasParent: settings.parent_group_id !== null });
export function cachedConf({ id, settings: { cache } }: DesiredGroup): string {
  const [first, ...others] = cacheZones(id, cache);
  return cached({ isSpread: others.length > 0, zone: first.name });
}
export const viewerConf = (): string => viewer({});
export const originConf = (): string => origin({});
export const originVerifiedConf = (): string => originVerified({});
export const passConf = (): string => pass({});
export const controlConf = (): string => control({});
