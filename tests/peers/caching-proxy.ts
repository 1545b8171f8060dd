// Other caches, from Debian's packages, each as a caching reverse proxy of one origin on this machine: configured as its
// own documentation would have it, with a log of what ours logs, and at its package's defaults in everything else.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pickPort } from "../../platform/embedded/ports.ts";
import { type Part, stopInReverse } from "../../platform/lifecycle.ts";
import { startNginxProxy } from "./nginx-proxy.ts";
import type { PeerSettings, StartedPeer } from "./peer.ts";
import { startSquid } from "./squid.ts";
import { startTrafficServer } from "./traffic-server.ts";
import { startVarnish } from "./varnish.ts";

const starters = {
  nginx: startNginxProxy,
  varnish: startVarnish,
  "traffic-server": startTrafficServer,
  squid: startSquid,
} as const satisfies Record<string, (settings: PeerSettings) => Promise<StartedPeer>>;
export type CachingProxyName = keyof typeof starters;

export interface CachingProxy {
  readonly name: CachingProxyName;
  /** As the program says it. */
  readonly version: string;
  readonly port: number;
  /** Where its log lies, `access.log`. */
  readonly folder: string;
  /** Its processes; others are descendants of these. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

export async function startCachingProxy(
  name: CachingProxyName,
  settings: Pick<PeerSettings, "originPort" | "core" | "isByTheBook">,
): Promise<CachingProxy> {
  const folder = mkdtempSync(join(tmpdir(), `edgewright-${name}-`));
  const removal: Part = { name: "folder", stop: async () => rmSync(folder, { recursive: true, force: true }) };
  try {
    const port = await pickPort();
    const { version, processes } = await starters[name]({ ...settings, port, folder });
    const pids = processes.map(({ pid }) => pid);
    return { name, version, port, folder, pids, stop: () => stopInReverse([removal, ...processes]) };
  } catch (error) {
    await removal.stop();
    throw error;
  }
}
