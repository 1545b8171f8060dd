// What the control plane wants of an edge, in the control plane's words: the input of the compiler.
import { z } from "zod";
import type { Capabilities } from "../agents/contract.ts";

export type AccelerationType = "static" | "media" | "livestream" | "diy";
export type Balancer = "failover" | "round_robin" | "weighted" | "consistent_hash";

export interface DesiredOrigin {
  readonly id: string;
  readonly scheme: "http" | "https";
  /** A name, an IPv4 address or an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** What the origin reads as Host; may carry a port. */
  readonly hostHeader: string;
  /** The name in the TLS handshake; unused by http origins. */
  readonly sni: string;
  readonly weight: number;
  readonly primary: boolean;
}

export interface DesiredDistribution {
  readonly id: string;
  readonly accountId: string;
  /** Canonical (lower case, ASCII, no port). One `*.` at the front stands for exactly one label. */
  readonly hosts: readonly string[];
  readonly accelerationType: AccelerationType;
  /** False: HTTPS is refused for its hosts. */
  readonly https: boolean;
  readonly http2: boolean;
  readonly http3: boolean;
  /** True only when a certificate covers every host; who decides that is the control plane. */
  readonly redirectHttpToHttps: boolean;
  readonly origins: readonly DesiredOrigin[];
  readonly balancer: Balancer;
}

const port = z.int().min(1).max(65535);

/** The settings of an edge group that its nginx files are rendered from. `{}` is a whole, sensible group. */
export const edgeGroupSettingsSchema = z.strictObject({
  listeners: z
    .strictObject({
      /** `0.0.0.0` is every IPv4 address, `::` every address of both kinds. */
      host: z.union([z.ipv4(), z.ipv6()]).default("0.0.0.0"),
      http: port.default(80),
      https: port.default(443),
    })
    .prefault({}),
  cache: z
    .strictObject({
      /** Memory for the index of the disk: about 8,000 objects per MB. */
      zone_mb: z.int().min(1).max(4096).default(64),
      disk_max_gb: z.int().min(1).max(65536).default(10),
    })
    .prefault({}),
  documents: z
    .strictObject({
      /** How many distributions fit, at an average document of up to 2 KB; the dicts in memory follow from it. */
      count_max: z.int().min(1000).max(2_000_000).multipleOf(100).default(100_000),
    })
    .prefault({}),
  workers: z
    .strictObject({
      /** 0: as many as there are processors. */
      count: z.int().min(0).max(256).default(0),
      connections: z.int().min(64).max(1_000_000).default(16_384),
    })
    .prefault({}),
});
export type EdgeGroupSettings = z.output<typeof edgeGroupSettingsSchema>;

export interface DesiredGroup {
  readonly id: string;
  readonly name: string;
  readonly settings: EdgeGroupSettings;
  readonly capabilities: Capabilities;
  /** Names of the edge itself, which answer `/__edge/health`. */
  readonly ownNames: readonly string[];
}
