// What one group of edges gets of a batch of compiled distributions, in the order in which its edges need it, and how far
// its deployments are then.
import { COMPILER_VERSION } from "../../../edge-templates/index.ts";
import type { Tx } from "../../database/transaction.ts";
import type { SecretCourier } from "../edge-secret/index.ts";
import {
  appendRecords,
  type Candidate,
  candidate,
  type FeedWriter,
  findRecordHeads,
  findScope,
  keyOf,
  lockScope,
  openScope,
} from "../feed/index.ts";
import { marksForArrivals } from "../purge/index.ts";
import { bringCertificates, withdrawCertificates } from "./certificates.ts";
import { deliveryOf } from "./needed-secrets.ts";
import { type Compilation, deploymentAfter, isSameOutcome } from "./rules.ts";
import { type DeploymentRow, findDeployments, upsertDeployments } from "./store.ts";

export interface GroupDeployment {
  readonly groupId: string;
  /** The distributions whose deployment moved. */
  readonly touched: readonly string[];
  readonly appended: boolean;
}

interface GroupMoment {
  readonly writer: FeedWriter;
  readonly courier: SecretCourier;
  readonly groupId: string;
  readonly hasNodes: boolean;
  /** A new compiler is tried elsewhere first: only what has changed since comes here. */
  readonly isHeld: boolean;
}

export async function deployToGroup(
  tx: Tx,
  { writer, courier, groupId, hasNodes, isHeld }: GroupMoment,
  compilations: readonly Compilation[],
): Promise<GroupDeployment> {
  const scope = await openScope(tx, groupId);
  const ids = compilations.map(({ id }) => id);
  const known = new Map((await findDeployments(tx, ids, groupId)).map((row) => [row.distribution_id, row]));
  // A refusal leaves no record behind, so its version is known here alone.
  const current = compilations.filter(({ id, kind, sourceVersion }) => {
    const last = known.get(id)?.source_version ?? 0;
    return sourceVersion > last || (sourceVersion === last && !(isHeld && kind === "refusal"));
  });
  const delivery = deliveryOf(current);
  const released = await courier.deliver(tx, writer, groupId, delivery);
  const unshown = await bringCertificates(tx, writer, groupId, current);
  const marks = await marksForArrivals(tx, { scope: groupId, ids: arrivingAmong(current), now: writer.now });
  if (marks.length > 0) await appendRecords(tx, writer, await lockScope(tx, groupId), marks);
  // What documents need comes before them, and goes after those that did; each moves the counter.
  const hasMoved = delivery.secrets.length > 0 || marks.length > 0;
  const locked = hasMoved ? await lockScope(tx, groupId) : scope;
  const candidates = current.flatMap(candidateOf);
  const due = isHeld ? await changedAmong(tx, groupId, candidates) : candidates;
  const appended = await appendRecords(tx, writer, locked, due);
  await withdrawCertificates(tx, writer, groupId, unshown);
  await courier.withdraw(tx, writer, groupId, released);
  const rows = current.flatMap((compilation): DeploymentRow[] => {
    const { id } = compilation;
    const last = known.get(id);
    const next = deploymentAfter(last, compilation, appended.get(keyOf({ kind: "document", id })), hasNodes);
    if (next === undefined) return [];
    const since = last !== undefined && isSameOutcome(last, next) ? last.updated_at : writer.now;
    return [{ ...next, distribution_id: id, scope: groupId, updated_at: since }];
  });
  await upsertDeployments(tx, rows);
  return {
    groupId,
    touched: rows.map((row) => row.distribution_id),
    appended: (await findScope(tx, groupId))?.rev !== scope.rev,
  };
}

function arrivingAmong(compilations: readonly Compilation[]): readonly string[] {
  return compilations.flatMap(({ id, kind }) => (kind === "document" ? [id] : []));
}

function candidateOf(compilation: Compilation): Candidate[] {
  const { id, kind, sourceVersion } = compilation;
  const key = { kind: "document", id } as const;
  const provenance = provenanceOf(sourceVersion);
  if (kind === "refusal") return [];
  if (kind === "nothing") return [candidate(key, "", provenance)];
  return [{ ...key, ...provenance, op: "put", body: compilation.body, hash: compilation.hash }];
}

/** Those whose source is newer than what the group has; not those that only the compiler made otherwise. */
export async function changedAmong(
  tx: Tx,
  groupId: string,
  candidates: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const heads = new Map((await findRecordHeads(tx, groupId, candidates)).map((head) => [keyOf(head), head]));
  return candidates.filter((candidate) => {
    const head = heads.get(keyOf(candidate));
    return head === undefined || head.source_version < candidate.sourceVersion;
  });
}

export function provenanceOf(sourceVersion: number) {
  return { sourceVersion, compilerVersion: COMPILER_VERSION };
}
