// How a node becomes one of a group, what operators make of it, and what nodes say of themselves.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { EnrolReply, EnrolRequest, ReportRequest } from "../../../agents/contract.ts";
import { Problem } from "../../../platform/problem.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import { type Actor, type EdgeCaller, platformActor } from "../../http/caller.ts";
import { invalidRequest, unauthorized, unavailable } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { differences, recordAudit } from "../audit/index.ts";
import { type Authority, type CertificateRequest, type EdgeAuthority, readSigningRequest } from "./authority.ts";
import { findGroup, findGroups, lockGroup, updateGroup } from "./group-store.ts";
import {
  deleteCertificates,
  deleteOldEnrolmentTokens,
  endCertificates,
  insertCertificate,
  insertEnrolmentToken,
  spendEnrolmentToken,
} from "./identity-store.ts";
import { edgeGroupChanged, edgeKeysChanged, edgeNodeChanged } from "./jobs.ts";
import { insertLogLosses } from "./log-store.ts";
import { edgeNameTaken, enrolmentTokenRefused, unknownEdge, unknownEdgeGroup } from "./problems.ts";
import { isGain, sharedCapabilities } from "./rules.ts";
import type { PatchEdgeInput } from "./schema.ts";
import {
  deleteNode,
  type EdgeNodeRecord,
  findCapabilitiesOfGroup,
  findNode,
  insertNode,
  listNodes,
  lockNames,
  lockNode,
  lockNodeByName,
  resetNode,
  updatePublicKey,
  updateReport,
  updateNode as writeNode,
} from "./store.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const TOKEN_LIFETIME_MS = 15 * MINUTE_MS;
// Long enough for an agent that never read the answer to its renewal to ask again.
const RENEWAL_OVERLAP_MS = DAY_MS;
const GAIN_PAUSE_MS = 10 * MINUTE_MS;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
type AssertUnchanged = (current: EdgeNodeRecord) => void;
const whateverItIs: AssertUnchanged = () => {};

export interface EnrolmentToken {
  readonly token: string;
  readonly expiresAt: Date;
}

export interface EdgeNodeSettings {
  readonly db: Database;
  readonly authority: EdgeAuthority;
  readonly clock: () => Date;
  /** The public keys of the feed by id: an agent pins them when it enrols. */
  readonly feedKeys: (reads: Reads) => Promise<Readonly<Record<string, string>>>;
}

export type EdgeNodeService = ReturnType<typeof createEdgeNodeService>;

export function createEdgeNodeService({ db, authority, clock, feedKeys }: EdgeNodeSettings) {
  async function createEnrolmentToken(tx: Tx, groupId: string, actor: Actor = platformActor): Promise<EnrolmentToken> {
    const now = clock();
    if ((await findGroup(tx, groupId)) === undefined) {
      throw new Problem(unknownEdgeGroup, "No edge group has this id.");
    }
    const { pin } = await authority();
    const token = `${randomBytes(32).toString("base64url")}.${pin}`;
    const expiresAt = new Date(now.getTime() + TOKEN_LIFETIME_MS);
    await deleteOldEnrolmentTokens(tx, new Date(now.getTime() - DAY_MS));
    await insertEnrolmentToken(tx, { tokenHash: hashOfToken(token), groupId, expiresAt });
    const changes = [{ pointer: "/enrolment_token", after: "(set)" }];
    const deed = {
      action: "edge-group.invite",
      accountId: null,
      resourceType: "edge-group",
      resourceId: groupId,
      changes,
    };
    await recordAudit(tx, actor, deed);
    return { token, expiresAt };
  }

  /** A node of the token's group, with a certificate. The same name again is the same node, which lost its disk. */
  async function enrol(request: EnrolRequest): Promise<EnrolReply> {
    const issuer = await authority();
    return inTransaction(db, async (tx) => {
      const now = clock();
      const groupId = await spendEnrolmentToken(tx, hashOfToken(request.token), now);
      if (groupId === undefined) throw new Problem(enrolmentTokenRefused, "It is unknown, expired or was used.");
      const publicKey = requestedKey(request.csr);
      const keys = await feedKeys(tx);
      // Without a key to pin the agent could trust nothing: it is early, no worker has started yet.
      if (Object.keys(keys).length === 0) throw unavailable("feed signing key");
      const edgeId = await enrolledNode(tx, groupId, request, now);
      const changes = differences(undefined, { name: request.name, group_id: groupId });
      const deed = { action: "edge.enrol", accountId: null, resourceType: "edge", resourceId: edgeId, changes };
      await recordAudit(tx, platformActor, deed);
      await deleteCertificates(tx, edgeId);
      const certificate = await issueTo(tx, issuer, { edgeId, groupId, publicKey, now });
      await keepPublicKey(tx, { edgeId, groupId, publicKey });
      await refreshCapabilities(tx, groupId, now);
      await tellEdges(tx, assertFound(await findNode(tx, edgeId)));
      return {
        edge_id: edgeId,
        scope: groupId,
        certificate,
        ca_certificate: issuer.certificatePem,
        feed_keys: keys,
      };
    });
  }

  /** A new certificate. The one before stays usable for a day, in case the answer is lost. */
  async function renew(edge: EdgeCaller, csr: string): Promise<string> {
    const issuer = await authority();
    const publicKey = requestedKey(csr);
    return inTransaction(db, async (tx) => {
      const now = clock();
      // Removed since it was authenticated.
      if ((await lockNode(tx, edge.edgeId)) === undefined)
        throw unauthorized("This certificate is no longer the edge's.");
      await deleteCertificates(tx, edge.edgeId, now);
      await endCertificates(tx, edge.edgeId, new Date(now.getTime() + RENEWAL_OVERLAP_MS));
      await keepPublicKey(tx, { edgeId: edge.edgeId, groupId: edge.scope, publicKey });
      return issueTo(tx, issuer, { edgeId: edge.edgeId, groupId: edge.scope, publicKey, now });
    });
  }

  async function updateNode(
    actor: Actor,
    id: string,
    patch: PatchEdgeInput,
    assertUnchanged: AssertUnchanged = whateverItIs,
  ): Promise<EdgeNodeRecord> {
    return inTransaction(db, async (tx) => {
      // Before its row, as whoever enrols does.
      if (patch.name !== undefined) await lockNames(tx, assertFound(await findNode(tx, id)).groupId);
      const before = assertFound(await lockNode(tx, id));
      assertUnchanged(before);
      const { name, address, state } = before;
      const wanted = {
        name: patch.name ?? name,
        address: patch.address === undefined ? address : patch.address,
        state: patch.state ?? state,
      };
      const changes = differences({ name, address, state }, wanted);
      if (changes.length === 0) return before;
      if (wanted.name !== name) await assertNameFree(tx, before.groupId, wanted.name);
      await writeNode(tx, id, wanted);
      const deed = { action: "edge.update", accountId: null, resourceType: "edge", resourceId: id, changes };
      await recordAudit(tx, actor, deed);
      const after = { ...before, ...wanted, version: before.version + 1 };
      await tellEdges(tx, after);
      // What other groups are told of this one's edges.
      await enqueueJob(tx, edgeGroupChanged, { group_id: before.groupId });
      return after;
    });
  }

  /** It is nobody from here on: its certificates go, and what is sealed from now on it cannot open. */
  async function removeNode(actor: Actor, id: string, assertUnchanged: AssertUnchanged = whateverItIs): Promise<void> {
    await inTransaction(db, async (tx) => {
      const now = clock();
      const before = assertFound(await lockNode(tx, id));
      assertUnchanged(before);
      await deleteCertificates(tx, id);
      await deleteNode(tx, id);
      const { groupId, name, address, state } = before;
      const changes = differences({ name, address, state }, undefined);
      const deed = { action: "edge.delete", accountId: null, resourceType: "edge", resourceId: id, changes };
      await recordAudit(tx, actor, deed);
      await enqueueJob(tx, edgeKeysChanged, { group_id: groupId });
      await refreshCapabilities(tx, groupId, now);
      await tellEdges(tx, { ...before, version: before.version + 1 });
    });
  }

  return {
    createEnrolmentToken,
    enrol,
    renew,
    updateNode,
    removeNode,
    getNode: async (id: string) => assertFound(await findNode(db, id)),
    listNodes: (page: PageQuery & { groupId?: string | undefined }) => listNodes(db, page),
  };
}

/**
 * Keeps a node's report and answers the one before it. Undefined when this one is older than what is known already (a
 * repeat that was overtaken) or the node is gone. `feedId` is null when its revisions are not to be believed.
 */
export async function recordReport(
  tx: Tx,
  { edgeId, report, feedId, now }: { edgeId: string; report: ReportRequest; feedId: string | null; now: Date },
): Promise<{ node: EdgeNodeRecord; previous: ReportRequest | null } | undefined> {
  const node = await lockNode(tx, edgeId);
  if (node === undefined) return undefined;
  const previous = node.report;
  if (previous !== null && previous.boot_id === report.boot_id && report.seq <= previous.seq) return undefined;
  await updateReport(tx, edgeId, { report, feedId }, now);
  const { logs } = report;
  if (logs !== undefined && logs.lost_lines !== previous?.logs?.lost_lines) {
    await insertLogLosses(tx, { edgeId, losses: logs.losses, now });
  }
  if (!isDeepStrictEqual(node.capabilities, report.capabilities)) {
    await refreshCapabilities(tx, node.groupId, now, "gains once quiet");
  }
  return { node, previous };
}

async function tellEdges(tx: Tx, { id, groupId, version }: EdgeNodeRecord): Promise<void> {
  await enqueueJob(tx, edgeNodeChanged, { group_id: groupId, edge_id: id, version });
}

async function assertNameFree(tx: Tx, groupId: string, name: string): Promise<void> {
  if ((await lockNodeByName(tx, { groupId, name })) === undefined) return;
  throw new Problem(edgeNameTaken, `An edge of its group is called ${name} already: choose another name.`);
}

function assertFound(node: EdgeNodeRecord | undefined): EdgeNodeRecord {
  if (node === undefined) throw new Problem(unknownEdge, "No edge has this id.");
  return node;
}

async function enrolledNode(tx: Tx, groupId: string, request: EnrolRequest, now: Date): Promise<string> {
  const { name, capabilities } = request;
  await lockNames(tx, groupId);
  const known = await lockNodeByName(tx, { groupId, name });
  if (known !== undefined) {
    await resetNode(tx, known.id, capabilities);
    return known.id;
  }
  const id = randomUUID();
  await insertNode(tx, { id, groupId, name, capabilities, createdAt: now });
  return id;
}

async function issueTo(tx: Tx, issuer: Authority, request: CertificateRequest): Promise<string> {
  const { certificate, serial, notAfter } = issuer.issue(request);
  await insertCertificate(tx, { serial, edgeId: request.edgeId, usableUntil: notAfter });
  return certificate;
}

/** The keyring is looked at whether it is another key or not: an edge that lacks its wrap renews to get it. */
async function keepPublicKey(tx: Tx, node: { edgeId: string; groupId: string; publicKey: string }): Promise<void> {
  await updatePublicKey(tx, node.edgeId, node.publicKey);
  await enqueueJob(tx, edgeKeysChanged, { group_id: node.groupId });
}

/** Groups whose edges can do more for a while already: what a report said too early for. */
export async function gainCapabilities(db: Database, now: Date): Promise<void> {
  for (const { id, capabilities } of await findGroups(db)) {
    if (isDeepStrictEqual(capabilities, sharedCapabilities(await findCapabilitiesOfGroup(db, id)))) continue;
    await inTransaction(db, (tx) => refreshCapabilities(tx, id, now, "gains once quiet"));
  }
}

/**
 * What is lost counts at once, since nginx would not take it. What is gained by an edge's own word waits until the group was
 * left alone for a while: each change reloads every edge of the group, and one that goes to and fro must not make them.
 */
async function refreshCapabilities(
  tx: Tx,
  groupId: string,
  now: Date,
  when: "at once" | "gains once quiet" = "at once",
): Promise<void> {
  const group = await lockGroup(tx, groupId);
  const capabilities = sharedCapabilities(await findCapabilitiesOfGroup(tx, groupId));
  if (group === undefined || capabilities === undefined || isDeepStrictEqual(group.capabilities, capabilities)) return;
  const isQuiet = now.getTime() - group.updatedAt.getTime() >= GAIN_PAUSE_MS;
  if (when === "gains once quiet" && !isQuiet && isGain(group.capabilities, capabilities)) return;
  await updateGroup(tx, groupId, { capabilities }, now);
  await enqueueJob(tx, edgeGroupChanged, { group_id: groupId });
}

function requestedKey(csr: string): string {
  const request = readSigningRequest(csr);
  if ("fault" in request) throw invalidRequest([{ pointer: "/csr", detail: request.fault }]);
  return request.publicKey;
}

function hashOfToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
