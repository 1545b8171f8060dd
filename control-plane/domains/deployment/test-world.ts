// A database with a feed, a group with edges and an account, for the tests of this domain.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { hashOf, type ReportRequest } from "../../../agents/contract.ts";
import { type EdgeGroupSettings, edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import { createLogger, type Logger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import type { Caller, EdgeCaller } from "../../http/caller.ts";
import {
  countDistributionsOfGroup,
  createDistributionInput,
  createDistributionService,
  createOriginService,
  type DistributionService,
  type OriginService,
} from "../distribution/index.ts";
import { insertPerson } from "../distribution/test-customer.ts";
import {
  createEdgeAuthority,
  createEdgeGroupService,
  createEdgeNodeService,
  type EdgeGroupService,
  type EdgeNodeService,
} from "../edge-node/index.ts";
import { capabilities, createTestKey } from "../edge-node/test-agent.ts";
import { deleteUses } from "../edge-secret/index.ts";
import { appendRecords, type Candidate } from "../feed/append.ts";
import { openFeed } from "../feed/feed.ts";
import { createFeedSigner, type FeedSigner } from "../feed/signer.ts";
import { findFeedKeys, holdFeed, lockScope, type RecordRow, type ScopeRow } from "../feed/store.ts";
import { type Compiler, createCompiler } from "./compile.ts";
import { createEdgeReportService, type EdgeReportService } from "./report.ts";

export interface TestWorld {
  readonly database: TestDatabase;
  readonly db: Database;
  readonly signer: FeedSigner;
  readonly publicKey: string;
  readonly log: Logger;
  readonly clock: () => Date;
  readonly compiler: Compiler;
  readonly reports: EdgeReportService;
  readonly edgeGroups: EdgeGroupService;
  readonly edgeNodes: EdgeNodeService;
  readonly distributions: DistributionService;
  readonly origins: OriginService;
  readonly customer: Caller;
  /** Scopes announced so far, in order. */
  readonly announced: string[];
  passTime(ms: number): void;
  stop(): Promise<void>;
}

const settings: EdgeGroupSettings = edgeGroupSettingsSchema.parse({});
export const log = createLogger({ role: "test", level: "silent" });
const csr = createTestKey().csr;

export function newSigningKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

export function newSigner(): FeedSigner {
  return createFeedSigner(newSigningKey());
}

export async function createTestWorld(): Promise<TestWorld> {
  const database = await createTestDatabase();
  const { db } = database;
  let passedMs = 0;
  const clock = () => new Date(Date.now() + passedMs);
  const signer = newSigner();
  await openFeed(db, { signer, now: clock() });
  const announced: string[] = [];
  const announce = (scope: string) => {
    announced.push(scope);
  };
  const seal = createSeal(Buffer.alloc(32, 1));
  const authority = createEdgeAuthority({ db, seal, clock });
  const platform = { zone: "edge.test", allowPrivateOrigins: true, distributionsMax: 1_000 };
  const distributions = createDistributionService({ db, clock, seal, platform });
  const origins = createOriginService({ db, clock, seal, platform }, distributions);
  return {
    ...{ database, db, signer, log, clock, announced },
    publicKey: signer.publicKey,
    compiler: createCompiler({ db, signer, seal, clock, ownNames: ["localhost"], announce, log }),
    reports: createEdgeReportService({ db, clock }),
    edgeGroups: createEdgeGroupService({ db, clock, countUses: countDistributionsOfGroup, forgetSecrets: deleteUses }),
    edgeNodes: createEdgeNodeService({ db, authority, clock, feedKeys: findFeedKeys }),
    ...{ distributions, origins },
    customer: await insertPerson(db, "customer"),
    passTime: (ms) => {
      passedMs += ms;
    },
    stop: () => database.stop(),
  };
}

export async function createGroup(world: TestWorld, name: string = randomUUID()): Promise<string> {
  return (await inTransaction(world.db, (tx) => world.edgeGroups.ensure(tx, { name, settings }))).id;
}

/** A scope that may be appended to, without anybody in it. */
export async function createScope(world: TestWorld): Promise<string> {
  const scope = await createGroup(world);
  await inTransaction(world.db, (tx) => lockScope(tx, scope));
  return scope;
}

export async function createEdge(world: TestWorld, scope: string, name: string = randomUUID()): Promise<EdgeCaller> {
  const { token } = await inTransaction(world.db, (tx) => world.edgeNodes.createEnrolmentToken(tx, scope));
  const reply = await world.edgeNodes.enrol({ token, name, csr, capabilities });
  return { edgeId: reply.edge_id, scope };
}

export async function createDistribution(world: TestWorld, domain: string): Promise<string> {
  const input = createDistributionInput.parse({ domain, origin: { url: "http://127.0.0.1:9000" } });
  return (await world.distributions.create(world.customer, input)).record.id;
}

export function aDocument(changes: Partial<Candidate> = {}): Candidate {
  const body = changes.body ?? JSON.stringify({ random: randomUUID() });
  return {
    kind: "document",
    id: randomUUID(),
    op: "put",
    sourceVersion: 1,
    compilerVersion: 1,
    ...changes,
    body,
    hash: hashOf(body),
  };
}

export function append(world: Pick<TestWorld, "db" | "signer">, scope: string, candidates: readonly Candidate[]) {
  return inTransaction(world.db, async (tx) => {
    const feedId = (await holdFeed(tx)).feed_id;
    const locked = await lockScope(tx, scope);
    return appendRecords(tx, { feedId, signer: world.signer, now: new Date() }, locked, candidates);
  });
}

export async function feedIdOf(world: Pick<TestWorld, "db">): Promise<string> {
  const row: { feed_id: string } | undefined = await world.db("feed").first("feed_id");
  if (row === undefined) throw new Error("no feed");
  return row.feed_id;
}

export async function scopeOf(world: Pick<TestWorld, "db">, scope: string): Promise<ScopeRow> {
  const row = await world.db<ScopeRow>("feed_scope").where({ scope }).first();
  if (row === undefined) throw new Error("no such scope");
  return row;
}

export async function recordsOf(world: Pick<TestWorld, "db">, scope: string): Promise<RecordRow[]> {
  return world.db<RecordRow>("feed_record").where({ scope }).orderBy("rev");
}

const sequence = { last: 0 };

/** An honest report of an edge that has applied everything up to `applied`. */
export async function report(
  world: TestWorld,
  edge: EdgeCaller,
  changes: Partial<ReportRequest> & { applied: number },
): Promise<{ resync: boolean }> {
  sequence.last += 1;
  return world.reports.report(edge, {
    feed_id: await feedIdOf(world),
    boot_id: edge.edgeId,
    seq: sequence.last,
    refused: [],
    state_hash: (await scopeOf(world, edge.scope)).state_hash,
    structure: 0,
    documents: 0,
    capabilities,
    ...changes,
  });
}
