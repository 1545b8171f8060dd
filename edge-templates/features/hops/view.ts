// The two hops: outer.conf and inner.conf, what they share, and the agent's control socket.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";

interface OuterView {
  readonly ownNames: readonly string[];
  readonly cdnId: string;
  readonly https: number;
  readonly altSvc: string;
  readonly brotli: boolean;
}

const outer = readTemplate<OuterView>(import.meta.url, "outer.hbs");

export function outerConf({ id, ownNames, settings, capabilities }: DesiredGroup): string {
  const { https } = settings.listeners;
  return outer({
    ownNames,
    cdnId: `edgewright-${id.slice(0, 8)}`,
    https,
    brotli: capabilities.brotli,
    altSvc: capabilities.http3 ? `h3=":${https}"; ma=86400` : "",
  });
}

type NoView = Readonly<Record<string, never>>;
const inner = readTemplate<{ readonly balancerKeepalive: boolean }>(import.meta.url, "inner.hbs");
const cached = readTemplate<NoView>(import.meta.url, "cached.hbs");
const viewer = readTemplate<NoView>(import.meta.url, "viewer.hbs");
const origin = readTemplate<NoView>(import.meta.url, "origin.hbs");
const originVerified = readTemplate<NoView>(import.meta.url, "origin-verified.hbs");
const pass = readTemplate<NoView>(import.meta.url, "pass.hbs");
const control = readTemplate<NoView>(import.meta.url, "control.hbs");

export const innerConf = ({ capabilities }: DesiredGroup): string =>
  inner({ balancerKeepalive: capabilities.balancer_keepalive });
export const cachedConf = (): string => cached({});
export const viewerConf = (): string => viewer({});
export const originConf = (): string => origin({});
export const originVerifiedConf = (): string => originVerified({});
export const passConf = (): string => pass({});
export const controlConf = (): string => control({});
