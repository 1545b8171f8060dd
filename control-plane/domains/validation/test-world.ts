// Customers with distributions, two resolvers that can be told what to say, and web servers on addresses of their own: one
// answers the standing challenge as an edge does. Tests only.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createResolver } from "../../../platform/dns/resolver.ts";
import { createSeal } from "../../../platform/seal.ts";
import type { Database } from "../../database/transaction.ts";
import { startTestApi, type TestApi } from "../distribution/test-api.ts";
import {
  createLook,
  createPrecheck,
  createValidationSecrets,
  createValidationService,
  validationRoutes,
} from "./index.ts";
import { startTestDns, type TestDns } from "./test-dns.ts";

export const ZONE = "edgewright.localhost";
/** An edge's, and somebody else's: both of this machine. */
export const EDGE = "127.0.0.2";
export const ELSEWHERE = "127.0.0.3";
// Long enough for a busy machine.
const DNS_TIMEOUT_MS = 1_500;

export interface World extends ReturnType<typeof wire> {
  readonly api: TestApi;
  readonly dns: readonly [TestDns, TestDns];
  /** `address host path` of the requests that came. */
  readonly requests: string[];
  readonly outside: Outside;
  /** Both resolvers know it. */
  set(...record: Parameters<TestDns["set"]>): void;
  stop(): Promise<void>;
}

/** What a test may change as it goes. */
interface Outside {
  /** How far the clock is ahead. */
  aheadMs: number;
  allowPrivate: boolean;
  /** What the edge says instead of what an edge does. */
  edgeSays:
    | { readonly status: number; readonly headers?: Record<string, string>; readonly text: string }
    | "closes"
    | undefined;
}

export async function startWorld(): Promise<World> {
  const dns = [await startTestDns(), await startTestDns()] as const;
  const outside: Outside = { aheadMs: 0, allowPrivate: true, edgeSays: undefined };
  const requests: string[] = [];
  const answers = new Map<string, string>();
  const edge = createServer(({ headers, url = "" }, response) => {
    requests.push(`${EDGE} ${headers.host} ${url}`);
    if (outside.edgeSays === "closes") {
      response.destroy();
      return;
    }
    const { status, headers: said, text } = outside.edgeSays ?? { status: 200, text: answers.get(url) ?? "" };
    if (status === 101) {
      // As it stands: node itself would never answer a plain request with it.
      response.socket?.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
      return;
    }
    response.writeHead(status, said).end(text);
  });
  const port = await listen(edge, EDGE, 0);
  const elsewhere = createServer(({ headers, url = "" }, response) => {
    requests.push(`${ELSEWHERE} ${headers.host} ${url}`);
    response.end("hello");
  });
  await listen(elsewhere, ELSEWHERE, port);
  const servers = dns.map(({ server }) => server);
  let wired: ReturnType<typeof wire> | undefined;
  const api = await startTestApi(undefined, ({ db }) => {
    wired = wire(db, { servers, port, outside });
    return validationRoutes(wired.service);
  });
  if (wired === undefined) throw new Error("the routes were not asked for");
  const { challenge } = await wired.secrets();
  answers.set(`/.well-known/acme-challenge/${challenge.token}`, challenge.keyAuthorization);
  return {
    ...wired,
    ...{ api, dns, requests, outside },
    set: (...record) => {
      for (const server of dns) server.set(...record);
    },
    async stop() {
      await api.stop();
      for (const server of [edge, elsewhere]) {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      }
      for (const server of dns) await server.stop();
    },
  };
}

function wire(
  db: Database,
  { servers, port, outside }: { servers: readonly string[]; port: number; outside: Outside },
) {
  const clock = () => new Date(Date.now() + outside.aheadMs);
  const secrets = createValidationSecrets({ db, seal: createSeal(Buffer.alloc(32, 1)) });
  const resolvers = servers.map((server) => createResolver({ servers: [server], timeoutMs: DNS_TIMEOUT_MS }));
  const reach = {
    port,
    get allowPrivate() {
      return outside.allowPrivate;
    },
  };
  const look = createLook({ db, clock, resolvers, reach, secrets, zone: ZONE });
  const service = createValidationService({ db, clock, look, secrets, zone: ZONE });
  return { db, clock, secrets, look, service, precheck: createPrecheck({ db, clock, look, zone: ZONE }) };
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a port was asked for");
  return address.port;
}
