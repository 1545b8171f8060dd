// Customers with distributions, two resolvers that can be told what to say, and web servers on addresses of their own: one
// answers the standing challenge as an edge does. Tests only.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { z } from "zod";
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
import { validationReply } from "./schema.ts";
import { startTestDns, type TestDns } from "./test-dns.ts";

export const ZONE = "edgewright.localhost";
/** An edge's, and somebody else's: both of this machine. */
export const EDGE = "127.0.0.2";
export const ELSEWHERE = "127.0.0.3";
// Long enough for a busy machine.
const DNS_TIMEOUT_MS = 1_500;

type Who = "owner" | "stranger";

const createdSchema = z.looseObject({ id: z.uuid(), cname: z.string() });
const distributionSchema = z.looseObject({
  ...{ status: z.string(), status_reason: z.string().nullable(), is_cname_valid: z.boolean() },
});
const payloadSchema = z.looseObject({ certificate_id: z.string().optional() });

/** What customers do and are told; where they name no domain, it is the newest name. */
interface Customers {
  newName(): string;
  create(who: Who, domain?: string, more?: object): Promise<z.output<typeof createdSchema>>;
  distributionOf(who: Who, id: string): Promise<z.output<typeof distributionSchema>>;
  read(who: Who, id: string): Promise<Validation>;
  /** A look, as the schedule does it, and what it leaves to be read. */
  lookAndRead(who: Who, id: string, domain?: string): Promise<Validation>;
  tokenOf(who: Who, domain?: string): Promise<string>;
  /** The payloads of the jobs of this name. */
  jobs(job: string): Promise<readonly z.output<typeof payloadSchema>[]>;
  told(event: string, domain?: string): Promise<readonly object[]>;
}

type Validation = z.output<typeof validationReply>;

export interface World extends ReturnType<typeof wire>, Customers {
  readonly api: TestApi;
  readonly dns: readonly [TestDns, TestDns];
  /** `address host path` of the requests that came. */
  readonly requests: string[];
  readonly outside: Outside;
  /** Both resolvers know it. */
  set(...record: Parameters<TestDns["set"]>): void;
  /** Everybody answers again as they do at first. */
  recover(): void;
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
  const customers = customersOf(api, wired);
  answers.set(`/.well-known/acme-challenge/${challenge.token}`, challenge.keyAuthorization);
  return {
    ...wired,
    ...customers,
    ...{ api, dns, requests, outside },
    set: (...record) => {
      for (const server of dns) server.set(...record);
    },
    recover() {
      Object.assign(outside, { allowPrivate: true, edgeSays: undefined });
      for (const server of dns) server.mode = "answers";
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

function customersOf(api: TestApi, { db, look, secrets }: ReturnType<typeof wire>): Customers {
  const signal = new AbortController().signal;
  let names = 0;
  const newest = () => `www.shop${names}.example.com`;

  const read = async (who: Who, id: string) =>
    validationReply.parse((await api.call(who, "GET", `/distributions/${id}/validation`)).body);

  return {
    read,
    newName(): string {
      names += 1;
      return newest();
    },
    async create(who: Who, domain = newest(), more: object = {}) {
      const body = { domain, origin: { url: "http://127.0.0.1:9000" }, ...more };
      return createdSchema.parse((await api.call(who, "POST", "/distributions", body)).body);
    },
    distributionOf: async (who: Who, id: string) =>
      distributionSchema.parse((await api.call(who, "GET", `/distributions/${id}`)).body),
    async lookAndRead(who: Who, id: string, domain = newest()) {
      await look.look(domain, signal);
      return read(who, id);
    },
    async tokenOf(who: Who, domain = newest()): Promise<string> {
      const { tokenOf } = await secrets();
      return `edgewright-verify=${tokenOf(api.people[who].accountId, domain)}`;
    },
    jobs: async (job) => z.array(payloadSchema).parse(await db("outbox").where({ job }).pluck("payload")),
    told: async (event: string, domain = newest()) =>
      (await db("notification").where({ event })).filter(({ subject }) => subject.startsWith(`${domain} `)),
  };
}

export function checkIn({ checks }: Validation, wanted: "pointing" | "ownership" | "acme") {
  const check = checks.find((one) => one.check === wanted);
  if (check === undefined) throw new Error(`there is no check ${wanted}`);
  return check;
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
