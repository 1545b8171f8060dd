// An edge that holds a certificate for each of many names, and beside it nginx with one certificate in a file.

import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aCertificate, createViewersAuthority, keepSecrets } from "../../openresty/test-certificates.ts";
import { startTestEdge } from "../../openresty/test-edge.ts";
import { aDistribution, createTestFeed } from "../../openresty/test-feed.ts";
import { pickPort } from "../../platform/embedded/ports.ts";
import { testNginx } from "../../platform/embedded/test-services.ts";
import { startPeerProcess } from "../peers/peer.ts";
import { pin } from "./edge-servers.ts";
import { treeOf } from "./process-tree.ts";

const SECRETS_AT_ONCE = 2000;

export interface TlsServer {
  readonly port: number;
  cpuSeconds(): Promise<number>;
  /** Of all its processes, what they share counted once. */
  memoryBytes(): Promise<number>;
  stop(): Promise<void>;
}

export interface HoldingEdge extends TlsServer {
  readonly names: readonly string[];
  /** By name. */
  readonly serials: ReadonlyMap<string, string>;
  /** From its start until it has what is on its disk. */
  readonly startMs: number;
}

/** As the agent runs it: names, each with a distribution of its own, on one core; `count` of them with a certificate. */
export async function startHoldingEdge(namesCount: number, count: number, core: number): Promise<HoldingEdge> {
  const { issue } = createViewersAuthority();
  const feed = createTestFeed();
  const names = Array.from({ length: namesCount }, (_, index) => `www.customer-${index}.example.com`);
  const serials = new Map<string, string>();
  const secrets: Record<string, string>[] = [];
  const records = names.flatMap((name, index) => {
    const distribution = aDistribution({ hosts: [name] });
    if (index >= count) return [feed.put(distribution)];
    const leaf = issue({ names: [name] });
    const held = aCertificate({ accountId: distribution.accountId, names: [name] }, leaf);
    serials.set(name, new X509Certificate(leaf.chain).serialNumber);
    secrets.push(held.secrets);
    return [feed.put(distribution), feed.certificate(held.desired)];
  });
  const began = performance.now();
  const edge = await startTestEdge({
    documentsMax: namesCount,
    state: { trust: feed.trust, base: feed.checkpoint(records) },
  });
  const startMs = performance.now() - began;
  try {
    const { refused, documents } = await edge.state();
    if (refused.length > 0 || documents !== namesCount) throw new Error(`it refused ${JSON.stringify(refused[0])}`);
    for (let from = 0; from < secrets.length; from += SECRETS_AT_ONCE) {
      await keepSecrets(edge, Object.assign({}, ...secrets.slice(from, from + SECRETS_AT_ONCE)));
    }
    for (const { pid } of await treeOf([edge.master()])) await pin(pid, core);
    return { names, serials, startMs, ...measured(edge.master()), port: edge.httpsPort, stop: edge.stop };
  } catch (error) {
    await edge.stop();
    throw error;
  }
}

export async function startPlainNginx(core: number): Promise<TlsServer> {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-plain-tls-"));
  const port = await pickPort();
  const { chain, key } = createViewersAuthority().issue({ names: ["www.example.com"] });
  writeFileSync(join(folder, "chain.pem"), chain);
  writeFileSync(join(folder, "key.pem"), key);
  writeFileSync(join(folder, "nginx.conf"), configuration(port));
  const args = ["-p", `${folder}/`, "-e", "error.log", "-c", "nginx.conf", "-g", "daemon off;"];
  const command = [...(await testNginx()).command, ...args];
  const child = await startPeerProcess({ folder, port, core, originPort: 0 }, { name: "nginx", command, port });
  const stop = async () => {
    await child.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, ...measured(child.pid), stop };
}

// What the edge says in tls.conf, but for the names.
function configuration(port: number): string {
  const user = process.geteuid?.() === 0 ? "user root;" : "";
  return `${user}
pid nginx.pid;
error_log error.log warn;
worker_processes 1;
events { worker_connections 16384; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path unused;
  fastcgi_temp_path unused;
  uwsgi_temp_path unused;
  scgi_temp_path unused;
  server {
    listen 127.0.0.1:${port} ssl;
    http2 on;
    ssl_certificate chain.pem;
    ssl_certificate_key key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers on;
    ssl_session_cache shared:tls:16m;
    ssl_session_timeout 4h;
    location / { return 204; }
  }
}
`;
}

function measured(pid: number): Pick<TlsServer, "cpuSeconds" | "memoryBytes"> {
  return {
    cpuSeconds: async () => {
      const times = await Promise.all((await treeOf([pid])).map((one) => nanosecondsOf(one.pid)));
      return times.reduce((sum, time) => sum + time, 0) / 1e9;
    },
    memoryBytes: async () => {
      const sizes = await Promise.all((await treeOf([pid])).map((one) => proportionalBytes(one.pid)));
      return sizes.reduce((sum, bytes) => sum + bytes, 0);
    },
  };
}

/** On a processor; ticks would be too coarse for handshakes. */
async function nanosecondsOf(pid: number): Promise<number> {
  const [onProcessor] = (await readFile(`/proc/${pid}/schedstat`, "utf8")).split(" ");
  return Number(onProcessor);
}

async function proportionalBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}
