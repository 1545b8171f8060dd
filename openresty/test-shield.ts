// Edges of a parent group and of child groups, as the control plane would have made them: certificates of one authority,
// a feed each, the record that tells who is whose. Parents listen on 127.0.1.x, so that one port is theirs together.
import { createPrivateKey, generateKeyPairSync, randomUUID } from "node:crypto";
import { readFile, watch } from "node:fs/promises";
import { join } from "node:path";
import {
  type AccessLogLine,
  accessLogLineSchema,
  type FeedRecord,
  type RecordKind,
  type ShieldBody,
} from "../agents/contract.ts";
import { type Authority, makeAuthority, openAuthority } from "../control-plane/domains/edge-node/authority.ts";
import type { DesiredDistribution } from "../edge-templates/index.ts";
import { pickPort } from "../platform/embedded/ports.ts";
import { startTestEdge, type TestEdge, type TestEdgeSettings } from "./test-edge.ts";
import { aDistribution, createTestFeed, type TestFeed } from "./test-feed.ts";
import { startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { type Answer, type Asked, ask } from "./test-viewer.ts";

type EdgeIdentity = NonNullable<TestEdgeSettings["group"]>["identity"];

export interface ShieldEdge {
  readonly id: string;
  readonly address: string;
  readonly edge: TestEdge;
  readonly feed: TestFeed;
  put(distribution: DesiredDistribution): Promise<void>;
  record(id: string, body: string, kind: RecordKind): Promise<void>;
  shield(body: Omit<ShieldBody, "format">): Promise<void>;
  /** As it was, with what it was told. */
  restart(): Promise<void>;
  /** Waits until its access log has a line of this path. */
  logLines(path: string): Promise<AccessLogLine[]>;
}

export interface TestShield {
  readonly origin: TestOrigin;
  readonly port: number;
  readonly parents: readonly ShieldEdge[];
  readonly children: readonly ShieldEdge[];
  /** Whose certificates all edges have. */
  readonly authority: Authority;
  readonly parentGroup: string;
  readonly childGroup: string;
  /** A distribution on a host of its own, on every edge unless said otherwise. */
  serve(fields?: Partial<DesiredDistribution>, edges?: readonly ShieldEdge[]): Promise<ShieldSite>;
  /** Tells the children of these parents. */
  point(parents: readonly Pick<ShieldEdge, "id" | "address">[]): Promise<void>;
  identity(edge: { edgeId: string; groupId: string }): EdgeIdentity;
  stop(): Promise<void>;
}

export interface ShieldSite {
  readonly host: string;
  readonly distribution: DesiredDistribution;
  ask(child: ShieldEdge, path: string, asked?: Omit<Asked, "host" | "path">): Promise<Answer>;
  put(edges: readonly ShieldEdge[], fields: Partial<DesiredDistribution>): Promise<void>;
}

export interface ShieldSettings {
  readonly parents?: number;
  readonly children?: number;
  readonly edges?: Pick<TestEdgeSettings, "nginx" | "workers">;
}

export async function startTestShield({ parents = 1, children = 1, edges }: ShieldSettings = {}): Promise<TestShield> {
  const authority = openAuthority(await makeAuthority(new Date()));
  const [parentGroup, childGroup] = [randomUUID(), randomUUID()];
  const [origin, port] = await Promise.all([startTestOrigin(), pickPort()]);
  const stops = [origin.stop];

  async function start(fields: { groupId: string; address: string; parentPort?: number; parentGroupId?: string }) {
    const { groupId, address, ...place } = fields;
    const id = randomUUID();
    const identity = identityOf(authority, { edgeId: id, groupId });
    const feed = createTestFeed();
    const group = { id: groupId, ...place, identity };
    const edge = await startTestEdge({ ...edges, host: address, group, state: { trust: feed.trust } });
    stops.push(edge.stop);
    const pin = () => edge.pin({ [`origin.test:${origin.port}`]: ["127.0.0.1"] });
    await pin();
    return shieldEdge({ id, address, edge, feed, groupId, pin });
  }

  const all = await Promise.all([
    ...numbers(parents).map((index) => start({ groupId: parentGroup, address: `127.0.1.${index}`, parentPort: port })),
    ...numbers(children).map(() => start({ groupId: childGroup, address: "127.0.0.1", parentGroupId: parentGroup })),
  ]);
  const [up, down] = [all.slice(0, parents), all.slice(parents)];

  async function point(to: readonly Pick<ShieldEdge, "id" | "address">[]): Promise<void> {
    const nodes = to.map(({ id, address }) => ({ id, address }));
    for (const child of down) await child.shield({ parent: { group: parentGroup, port, nodes }, children: [] });
  }

  for (const parent of up) await parent.shield({ parent: null, children: [childGroup] });
  await point(up);
  let count = 0;
  return {
    ...{ origin, port, authority, parentGroup, childGroup, point, parents: up, children: down },
    identity: (edge) => identityOf(authority, edge),
    async serve(fields = {}, on = all) {
      count += 1;
      const host = `site-${count}.test`;
      const distribution = aDistribution({ originPort: origin.port, hosts: [host], ...fields });
      for (const one of on) await one.put(distribution);
      return {
        ...{ host, distribution },
        ask: ({ edge }, path, asked = {}) => ask(edge, { host, path, ...asked }),
        async put(some, changed) {
          for (const one of some) await one.put({ ...distribution, ...changed });
        },
      };
    },
    async stop() {
      await Promise.all(stops.map((stop) => stop()));
    },
  };
}

export function edgeAt(edges: readonly ShieldEdge[], index: number): ShieldEdge {
  const edge = edges[index];
  if (edge === undefined) throw new Error(`there is no edge ${index}`);
  return edge;
}

function shieldEdge(
  fields: Omit<ShieldEdge, "put" | "record" | "shield" | "restart" | "logLines"> & {
    groupId: string;
    pin: () => Promise<void>;
  },
): ShieldEdge {
  const { edge, feed, groupId } = fields;
  const told: FeedRecord[] = [];
  async function apply(record: FeedRecord): Promise<void> {
    told.push(record);
    const { body } = await edge.apply([record]);
    if (JSON.stringify(body).includes('"refused":[{')) throw new Error(`refused: ${JSON.stringify(body)}`);
  }
  return {
    ...fields,
    put: (distribution) => apply(feed.put(distribution)),
    record: (id, body, kind) => apply(feed.putBody(id, body, kind)),
    shield: (body) => apply(feed.putBody(groupId, JSON.stringify({ format: 1, ...body }), "shield")),
    async restart() {
      await edge.restart();
      await fields.pin();
      await edge.apply(told);
    },
    logLines: (path) => logLines(join(edge.home, "logs", "access.log"), path),
  };
}

async function logLines(file: string, wanted: string): Promise<AccessLogLine[]> {
  const changes = watch(file, { signal: AbortSignal.timeout(5_000) })[Symbol.asyncIterator]();
  for (let change = changes.next(); ; change = changes.next()) {
    const text = await readFile(file, "utf8");
    const lines = text.split("\n").filter(Boolean);
    const parsed = lines.map((line) => accessLogLineSchema.parse(JSON.parse(line)));
    if (parsed.some(({ path }) => path === wanted)) return parsed;
    await change;
  }
}

export function identityOf(authority: Authority, edge: { edgeId: string; groupId: string }): EdgeIdentity {
  const own = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const { certificate } = authority.issue({ ...edge, publicKey: own.publicKey, now: new Date() });
  return { key: createPrivateKey(own.privateKey), certificate, authority: authority.certificatePem };
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
