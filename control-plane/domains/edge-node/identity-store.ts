// How nodes prove who they are: their certificates and enrolment tokens. Models stay in this file.
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import { makeStale, type Reads, type Tx } from "../../database/transaction.ts";

/** What is kept of edges under their ids: which certificates are theirs. */
export const EDGES = "edge";

class EdgeCertificateModel extends Model {
  static override tableName = "edge_certificate";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = "serial";

  declare serial: string;
  declare edgeId: string;
  declare usableUntil: Date;
  declare createdAt: Date;
}

class EnrolmentTokenModel extends Model {
  static override tableName = "edge_enrolment_token";
  static override columnNameMappers = snakeCaseMappers();
  static override idColumn = "token_hash";

  declare tokenHash: string;
  declare groupId: string;
  declare expiresAt: Date;
  declare usedAt: Date | null;
}

export async function insertCertificate(
  tx: Tx,
  certificate: { serial: string; edgeId: string; usableUntil: Date },
): Promise<void> {
  await EdgeCertificateModel.query(tx).insert(certificate);
}

/** Those that end earlier keep their own end. */
export async function endCertificates(tx: Tx, edgeId: string, usableUntil: Date): Promise<void> {
  makeStale(tx, `${EDGES}:${edgeId}`);
  await EdgeCertificateModel.query(tx)
    .patch({ usableUntil })
    .where({ edge_id: edgeId })
    .where("usable_until", ">", usableUntil);
}

export async function deleteCertificates(tx: Tx, edgeId: string, endedBefore?: Date): Promise<void> {
  makeStale(tx, `${EDGES}:${edgeId}`);
  const query = EdgeCertificateModel.query(tx).delete().where({ edge_id: edgeId });
  if (endedBefore !== undefined) query.where("usable_until", "<", endedBefore);
  await query;
}

const holderSchema = z.object({ edgeId: z.uuid(), groupId: z.uuid() });

/** The node that may show the certificate with this serial now. */
export async function findCertificateHolder(
  reads: Reads,
  serial: string,
  now: Date,
): Promise<{ edgeId: string; groupId: string } | undefined> {
  const row: unknown = await reads("edge_certificate")
    .join("edge_node", "edge_node.id", "edge_certificate.edge_id")
    .where("edge_certificate.serial", serial)
    .where("edge_certificate.usable_until", ">", now)
    .first({ edgeId: "edge_node.id", groupId: "edge_node.group_id" });
  return row === undefined ? undefined : holderSchema.parse(row);
}

/** Whether it is an edge that may show one. */
export async function hasCertificate(reads: Reads, edgeId: string, now: Date): Promise<boolean> {
  const row = await EdgeCertificateModel.query(reads)
    .select("serial")
    .where({ edge_id: edgeId })
    .where("usable_until", ">", now)
    .first();
  return row !== undefined;
}

export async function insertEnrolmentToken(
  tx: Tx,
  token: { tokenHash: string; groupId: string; expiresAt: Date },
): Promise<void> {
  await EnrolmentTokenModel.query(tx).insert(token);
}

/** Uses the token up and answers its group; undefined when it is unknown, used or expired. */
export async function spendEnrolmentToken(tx: Tx, tokenHash: string, now: Date): Promise<string | undefined> {
  const [spent] = await EnrolmentTokenModel.query(tx)
    .patch({ usedAt: now })
    .where({ token_hash: tokenHash })
    .whereNull("used_at")
    .where("expires_at", ">", now)
    .returning("group_id");
  return spent?.groupId;
}

/** Tokens are of no use after their day; nobody asks for them again. */
export async function deleteOldEnrolmentTokens(tx: Tx, expiredBefore: Date): Promise<void> {
  await EnrolmentTokenModel.query(tx).delete().where("expires_at", "<", expiredBefore);
}
