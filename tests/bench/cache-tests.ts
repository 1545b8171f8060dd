// How the public suite of tests for HTTP caches (github.com/http-tests/cache-tests) judges our edge, on the newest and the
// oldest nginx that it may run, and beside it, in the same run, nginx's own `proxy_cache`, Varnish, Squid and Traffic
// Server. Ours is the whole product: a distribution made by `POST /distributions` with nothing but a name and an origin.
// `npm run bench:conformance -- <folder of a checkout of the suite, with its packages installed>`
import { request } from "undici";
import type { NginxInstallation } from "../../platform/embedded/nginx.ts";
import { oldestTestNginx, testNginx } from "../../platform/embedded/test-services.ts";
import { type CacheSuite, openCacheSuite, type Score } from "../peers/cache-suite.ts";
import { type CachingProxyName, startCachingProxy } from "../peers/caching-proxy.ts";
import { apiAt, createDistribution, eventually, register } from "../system/api.ts";
import { startCluster } from "../system/cluster.ts";
import { temporaryFolder } from "../system/product.ts";

const HOST = "conformance.example.com";
const PEERS = ["nginx", "varnish", "squid", "traffic-server"] as const satisfies readonly CachingProxyName[];

interface Judged extends Score {
  readonly name: string;
  readonly version: string;
}

async function main(): Promise<void> {
  const [checkout] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
  if (checkout === undefined) throw new Error("usage: npm run bench:conformance -- <checkout of cache-tests>");
  const suite = await openCacheSuite(checkout);
  try {
    const judged = [await judgeOurs(suite, await testNginx()), await judgeOurs(suite, await oldestTestNginx())];
    if (!process.argv.includes("--ours")) for (const name of PEERS) judged.push(await judgePeer(suite, name));
    process.stdout.write(`${JSON.stringify(judged, null, 2)}\n`);
  } finally {
    await suite.stop();
  }
}

async function judgeOurs(suite: CacheSuite, nginx: NginxInstallation): Promise<Judged> {
  const folder = await temporaryFolder("conformance");
  try {
    const cluster = await startCluster(folder.path, { nginx: async () => nginx });
    try {
      const { httpPort } = cluster.edge;
      await createDistribution(await register(apiAt(cluster.apiUrl)), HOST, `http://127.0.0.1:${suite.originPort}`);
      await eventually(() => untilServed(httpPort));
      return { name: "edgewright", version: `nginx ${nginx.capabilities.nginx}`, ...(await suite.run(HOST, httpPort)) };
    } finally {
      await cluster.stop();
    }
  } finally {
    await folder.remove();
  }
}

/** The suite's origin has a page of its own at its root. */
async function untilServed(httpPort: number): Promise<void> {
  const { statusCode, body } = await request(`http://127.0.0.1:${httpPort}/`, { headers: { host: HOST } });
  await body.dump();
  if (statusCode !== 200) throw new Error(`the distribution is not served: ${statusCode}`);
}

async function judgePeer(suite: CacheSuite, name: CachingProxyName): Promise<Judged> {
  const proxy = await startCachingProxy(name, { originPort: suite.originPort, isByTheBook: true });
  try {
    return { name, version: proxy.version, ...(await suite.run(HOST, proxy.port)) };
  } finally {
    await proxy.stop();
  }
}

await main();
