// Who is compared: our edge with ten thousand distributions, of which the benched one has rules and limits; and others.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { builtInPolicies } from "../../control-plane/domains/cache-policy/index.ts";
import type { DesiredDistribution } from "../../edge-templates/index.ts";
import { exampleCacheRule } from "../../edge-templates/test-examples.ts";
import { startTestEdge } from "../../openresty/test-edge.ts";
import { aDistribution, createTestFeed } from "../../openresty/test-feed.ts";
import { testNginx } from "../../platform/embedded/test-services.ts";
import { type CachingProxyName, startCachingProxy } from "../peers/caching-proxy.ts";
import { cpuSecondsOf, treeOf } from "./process-tree.ts";

export const BENCHED_HOST = "www.bench.example.com";
const ORIGIN_HOST = "origin.test";
const DOCUMENTS = 10_000;

export interface BenchedServer {
  readonly name: "edgewright" | CachingProxyName;
  readonly version: string;
  readonly port: number;
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

export async function startPeer(name: CachingProxyName, originPort: number, core: number): Promise<BenchedServer> {
  const { version, port, pids, stop } = await startCachingProxy(name, { originPort, core });
  return { name, version, port, cpuSeconds: () => cpuSecondsOf(pids), stop };
}

/** As the agent runs it, with the structure of an edge group and a state signed by a feed, on one core. */
export async function startOurs(originPort: number, core: number): Promise<BenchedServer> {
  const feed = createTestFeed();
  const others = Array.from({ length: DOCUMENTS - 1 }, (_, index) => feed.put(someDistribution(index)));
  const base = feed.checkpoint([...others, feed.put(benchedDistribution(originPort))]);
  const edge = await startTestEdge({
    documentsMax: DOCUMENTS,
    cache: { zone_mb: 64, disk_max_gb: 10 },
    state: { trust: feed.trust, base, addresses: { [`${ORIGIN_HOST}:${originPort}`]: ["127.0.0.1"] } },
  });
  try {
    const { documents } = await edge.state();
    if (documents !== DOCUMENTS) throw new Error(`the edge holds ${documents} of ${DOCUMENTS} documents`);
    for (const { pid } of await treeOf([edge.master()])) await pin(pid, core);
    const { nginx } = (await testNginx()).capabilities;
    const cpuSeconds = () => cpuSecondsOf([edge.master()]);
    return { name: "edgewright", version: `nginx ${nginx}`, port: edge.httpPort, cpuSeconds, stop: edge.stop };
  } catch (error) {
    await edge.stop();
    throw error;
  }
}

export async function pin(pid: number, core: number): Promise<void> {
  await promisify(execFile)("taskset", ["--all-tasks", "--cpu-list", "--pid", String(core), String(pid)]);
}

function someDistribution(index: number): DesiredDistribution {
  return aDistribution({
    hosts: [`www.customer-${index}.example.com`, `${index.toString(36).padStart(12, "0")}.cdn.edgewright.localhost`],
    cacheRules: builtInPolicies.static.rules,
  });
}

/** Cache, header and access rules and a limit that nothing reaches: all are looked at by every request. */
function benchedDistribution(originPort: number): DesiredDistribution {
  const origin = aDistribution({ originPort }).origins;
  return aDistribution({
    origins: origin,
    hosts: [BENCHED_HOST],
    cacheRules: [{ ...exampleCacheRule, paths: ["/never/*"], ttlSeconds: 60 }, ...builtInPolicies.static.rules],
    headerRules: [
      { paths: [], phase: "response", action: "set", name: "x-served-by", value: "bench" },
      { paths: [], phase: "request", action: "set", name: "x-asked-by", value: "bench" },
    ],
    accessRules: [{ paths: [], action: "deny", type: "ip", networks: ["192.0.2.0/24", "198.51.100.0/24"] }],
    rateLimits: [{ paths: [], requests: 1_000_000, perSeconds: 1, burst: 1_000_000 }],
  });
}
