// Certificates on their way to the edges of a group: there before the documents that are served with them, gone behind the
// last of those. Their keys are secrets, and travel as such. Whoever calls holds the feed and the scope's lock.
import { certificateBodySchema } from "../../../agents/contract.ts";
import type { Tx } from "../../database/transaction.ts";
import { compileServed, type ServedCertificate } from "../certificate/index.ts";
import type { OpenedSecret, SecretCourier } from "../edge-secret/index.ts";
import {
  appendRecords,
  type Candidate,
  candidate,
  type FeedWriter,
  findRecordHeads,
  findRecordsById,
  lockScope,
  openScope,
  type RecordRow,
  replaceUses,
} from "../feed/index.ts";
import type { Compilation, ShownCertificate } from "./rules.ts";

export function compileShown(served: ServedCertificate): ShownCertificate {
  const { id, version } = served;
  return { id, version, body: compileServed(served).body };
}

/** Answers the certificates that nothing in the group is served with any more: withdraw them behind the documents. */
export async function bringCertificates(
  tx: Tx,
  writer: FeedWriter,
  scope: string,
  compilations: readonly Compilation[],
): Promise<readonly string[]> {
  // One that did not compile keeps its last good document, and so its certificate.
  const settled = compilations.filter(({ kind }) => kind !== "refusal");
  const served = settled.flatMap((compilation) =>
    compilation.kind === "document" && compilation.certificate !== null
      ? [{ distributionId: compilation.id, certificate: compilation.certificate }]
      : [],
  );
  await putCertificates(tx, writer, scope, [...new Map(served.map(({ certificate: one }) => [one.id, one])).values()]);
  return replaceUses(
    tx,
    { table: "edge_certificate_use", scope },
    settled.map(({ id }) => id),
    served.map(({ distributionId, certificate }) => ({ distributionId, usedId: certificate.id })),
  );
}

/** The platform's own, which no distribution is the reason of. */
export async function bringPlatformCertificates(
  tx: Tx,
  { writer, courier, scope }: { writer: FeedWriter; courier: SecretCourier; scope: string },
  { served, keys }: { served: readonly ServedCertificate[]; keys: readonly OpenedSecret[] },
): Promise<void> {
  await openScope(tx, scope);
  const ids = served.map(({ id }) => id);
  const before = await findKeysNamed(tx, scope, ids);
  await courier.carry(tx, writer, scope, keys);
  await putCertificates(tx, writer, scope, served.map(compileShown));
  // Of the record that stands: a newer one may have been there already.
  const needed = new Set(await findKeysNamed(tx, scope, ids));
  const seen = [...new Set([...before, ...keys.map(({ id }) => id)])];
  await courier.withdraw(
    tx,
    writer,
    scope,
    seen.filter((id) => !needed.has(id)),
  );
}

async function findKeysNamed(tx: Tx, scope: string, ids: readonly string[]): Promise<readonly string[]> {
  const records = await findRecordsById(tx, "certificate", ids);
  return records.flatMap((record) => (record.scope === scope && record.op === "put" ? keysNamedIn(record) : []));
}

function keysNamedIn({ body }: RecordRow): readonly string[] {
  return certificateBodySchema.parse(JSON.parse(body)).chains.map(({ secret }) => secret);
}

/** What is there in a newer version stays. */
async function putCertificates(
  tx: Tx,
  writer: FeedWriter,
  scope: string,
  certificates: readonly ShownCertificate[],
): Promise<void> {
  await append(
    tx,
    writer,
    scope,
    certificates.map(({ id, version, body }) => ({ id, body, version })),
  );
}

export async function withdrawCertificates(
  tx: Tx,
  writer: FeedWriter,
  scope: string,
  ids: readonly string[],
): Promise<void> {
  await append(
    tx,
    writer,
    scope,
    ids.map((id) => ({ id, body: "", version: null })),
  );
}

/**
 * The source of a record is the certificate's version. It may come and go while that stays, so what would be the
 * compiler's version counts how often it did: the later one is newer. A tombstone takes the version that is there.
 */
async function append(
  tx: Tx,
  writer: FeedWriter,
  scope: string,
  contents: readonly { readonly id: string; readonly body: string; readonly version: number | null }[],
): Promise<void> {
  if (contents.length === 0) return;
  const keys = contents.map(({ id }) => ({ kind: "certificate" as const, id }));
  const heads = new Map((await findRecordHeads(tx, scope, keys)).map((head) => [head.id, head]));
  const candidates = contents.flatMap(({ id, body, version }): Candidate[] => {
    const head = heads.get(id);
    const sourceVersion = version ?? head?.source_version ?? 0;
    const turn = head?.source_version === sourceVersion ? head.compiler_version + 1 : 1;
    const next = candidate({ kind: "certificate", id }, body, { sourceVersion, compilerVersion: turn });
    return head?.op === next.op && head.hash === next.hash ? [] : [next];
  });
  // Read anew: the counters moved with what was appended before.
  if (candidates.length > 0) await appendRecords(tx, writer, await lockScope(tx, scope), candidates);
}
