// The messages between the control plane and an edge agent, and the framing of feed records. Both sides import this
// file and nothing else of each other. The same frames lie on the edge's disk and go to nginx over its control socket.
import { createHash } from "node:crypto";
import { z } from "zod";

/**
 * What the feed carries. `document`: a distribution; `structure`: the nginx files of the edge group; `secret`: one that
 * documents name, sealed; `keyring`: the keys that open the group's secrets, wrapped for each of its nodes; `purge`: marks
 * that make stored answers old; `prefetch`: URLs to be fetched now; `certificate`: what names are served with over TLS, its
 * key being a secret; `node`: whether one of the edges takes viewers (the record's id is the edge's); `shield`: whose edges
 * are asked before the origin, and whose may ask these (its id is the group's); `challenge`: what a certificate authority
 * is to read here before it believes that a name is served by these edges.
 */
export const recordKinds = [
  "document",
  "structure",
  "keyring",
  "secret",
  "purge",
  "prefetch",
  "certificate",
  "node",
  "shield",
  "challenge",
] as const;
export type RecordKind = (typeof recordKinds)[number];

/** What nginx holds in memory, and so is pushed to it; the agent itself does the others. */
export const pushedKinds: ReadonlySet<RecordKind> = new Set([
  "document",
  "purge",
  "certificate",
  "shield",
  "challenge",
]);

export interface FeedRecord {
  readonly kind: RecordKind;
  readonly id: string;
  readonly rev: number;
  /** `del` is a tombstone: its body is empty. */
  readonly op: "put" | "del";
  /** Hex SHA-256 of the body. */
  readonly hash: string;
  /** `keyId:base64`, or `-` inside a checkpoint, whose own signature covers the header lines. */
  readonly signature: string;
  readonly body: string;
}

export function hashOf(body: string | Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}

/** The text that a worker signs (Ed25519) for one record. */
export function recordSigningText(
  feed: { feedId: string; scope: string },
  record: Omit<FeedRecord, "signature" | "body">,
): string {
  return [
    "edgewright-record-1",
    feed.feedId,
    feed.scope,
    record.kind,
    record.id,
    record.rev,
    record.op,
    record.hash,
  ].join("\n");
}

/** One record as lines: a header of eight fields, the body's bytes, a line feed. `length` counts bytes, not characters. */
export function headerLine(record: FeedRecord): string {
  const length = Buffer.byteLength(record.body);
  return `record ${record.kind} ${record.id} ${record.rev} ${record.op} ${record.hash} ${length} ${record.signature}\n`;
}

export function frame(record: FeedRecord): string {
  return `${headerLine(record)}${record.body}\n`;
}

/** The first line of a checkpoint file. `digest` = hex SHA-256 over all header lines that follow, in their order. */
export interface CheckpointHead {
  readonly feedId: string;
  readonly scope: string;
  readonly rev: number;
  readonly count: number;
  readonly digest: string;
  readonly signature: string;
}

export function checkpointSigningText(head: Omit<CheckpointHead, "signature">): string {
  return ["edgewright-checkpoint-1", head.feedId, head.scope, head.rev, head.count, head.digest].join("\n");
}

export function checkpointLine(head: CheckpointHead): string {
  return `checkpoint ${head.feedId} ${head.scope} ${head.rev} ${head.count} ${head.digest} ${head.signature}\n`;
}

/** What one live record adds to the state hash of a scope: the sum of these, modulo 2^256, as 64 hex digits. */
export function stateHashTerm(record: Pick<FeedRecord, "kind" | "id" | "rev" | "hash">): bigint {
  return BigInt(`0x${hashOf(`${record.kind}|${record.id}|${record.rev}|${record.hash}`)}`);
}

export const STATE_HASH_MODULUS = 1n << 256n;

const id = z.uuid();
const rev = z.int().min(0);
const hexHash = z.string().regex(/^[0-9a-f]{64}$/);

/** What this node's nginx can do; templates ask this, never a version. */
export const capabilitiesSchema = z.object({
  nginx: z.string().max(100),
  http3: z.boolean(),
  /** `http2 on;` is a directive of its own (from nginx 1.25.1 on); before that it is a word of `listen`. */
  http2_directive: z.boolean(),
  /** `balancer_keepalive` is a directive (from lua-nginx-module 0.10.27 on): how many connections to origins are kept. */
  balancer_keepalive: z.boolean().default(false),
  /** The module ngx_http_brotli_filter_module is there. */
  brotli: z.boolean().default(false),
});
export type Capabilities = z.infer<typeof capabilitiesSchema>;

/** The text that a former feed key signs for the one that takes over. `publicKey`: base64 of the 32 raw bytes. */
export function feedKeySigningText(key: { id: string; publicKey: string }): string {
  return ["edgewright-feed-key-1", key.id, key.publicKey].join("\n");
}

// What the records of each kind say.
export {
  type CertificateBody,
  CHALLENGE_PATH,
  type ChallengeBody,
  certificateBodySchema,
  challengeBodySchema,
  type KeyringBody,
  keyFingerprint,
  keyringBodySchema,
  type NodeBody,
  nodeBodySchema,
  nodeStates,
  PLATFORM_ACCOUNT,
  type PrefetchBody,
  PURGE_BODY_BYTES_MAX,
  type PurgeBody,
  prefetchBodySchema,
  purgeBodySchema,
  type SecretBody,
  SHIELD_CHILD_NODES_MAX,
  SHIELD_NODES_MAX,
  type ShieldBody,
  secretBodySchema,
  secretContext,
  shieldBodySchema,
} from "./record-bodies.ts";

/** The name that the certificate of an edge holds: its children want to see it. */
export function edgeServerName(edge: { edgeId: string; groupId: string }): string {
  return `${edge.edgeId}.${edge.groupId}.edges.internal`;
}

// POST /edge/v1/enrol: the only call without a credential.
export const enrolRequestSchema = z.object({
  token: z.string().min(20).max(200),
  name: z.string().min(1).max(100),
  /** PEM, PKCS#10 */
  csr: z.string().max(8192),
  capabilities: capabilitiesSchema,
});
export const enrolReplySchema = z.object({
  edge_id: id,
  /** The edge group: what this agent's feed is. */
  scope: id,
  certificate: z.string(),
  ca_certificate: z.string(),
  /** Ed25519 public keys (SPKI PEM) that sign the feed, by key id; two while a rotation is under way. */
  feed_keys: z.record(z.string(), z.string()),
});
export type EnrolRequest = z.infer<typeof enrolRequestSchema>;
export type EnrolReply = z.infer<typeof enrolReplySchema>;

/**
 * Every other call carries `Authorization: Bearer <JWT>`, signed RS256 with the agent's own key, at most 60 s old:
 * header `x5c` = [the agent's certificate], claims `aud: "edgewright-edge"`, `iat`, `exp`, `sub` = edge id.
 */
export const EDGE_TOKEN_AUDIENCE = "edgewright-edge";

// POST /edge/v1/renew: before the certificate ends; the CSR is signed with the agent's same key. → renewReply
export const renewRequestSchema = z.object({ csr: z.string().max(8192) });
export const renewReplySchema = z.object({ certificate: z.string() });

// GET /edge/v1/feed-keys → 200 feedKeysReply: asked before a feed is begun. An agent pins a key it does not know only by the
// endorsement of one that it has pinned; whoever answers is not trusted with it.
export const feedKeysReplySchema = z.object({
  /** Newest first. */
  feed_keys: z
    .array(
      z.object({
        id: z.string().max(100),
        /** Ed25519, base64 of the 32 raw bytes. */
        public_key: z.string().max(100),
        /** `former key's id:base64` over feedKeySigningText. */
        endorsement: z.string().max(300).nullable(),
      }),
    )
    .max(2),
});
export type FeedKeysReply = z.infer<typeof feedKeysReplySchema>;

// GET /edge/v1/changes?feed_id=&since=&wait=  → 200 changesReply | 304 nothing new | 409 another feed | 410 too old
const feedRecordSchema = z.object({
  kind: z.enum(recordKinds),
  id,
  rev,
  op: z.enum(["put", "del"]),
  hash: hexHash,
  signature: z.string(),
  body: z.string(),
});
export const changesReplySchema = z.object({
  feed_id: id,
  /** Exclusive: the `since` that was asked. */
  from: rev,
  /** Inclusive: ask again with this. Records come in rising `rev`. */
  to: rev,
  more: z.boolean(),
  /** The rev of the newest checkpoint, 0 when there is none: an agent with a long journal fetches it. */
  checkpoint: rev,
  records: z.array(feedRecordSchema),
});
export type ChangesReply = z.infer<typeof changesReplySchema>;
export const CHANGES_BYTES_MAX = 4 * 1024 * 1024;

// GET /edge/v1/snapshot → 200 a checkpoint file (checkpointLine, then frames; content-type application/octet-stream),
// or 204 when none was made yet: begin with changes?since=0. Header `edgewright-feed-id` in both.
export const FEED_ID_HEADER = "edgewright-feed-id";

export const refusalSchema = z.object({
  kind: z.enum(recordKinds),
  id,
  rev,
  stage: z.enum(["verify", "persist", "open", "push", "taste", "reload", "probe", "crash"]),
  message: z.string().max(2000),
});
export type Refusal = z.infer<typeof refusalSchema>;

const unixMs = z.int().min(0).max(8_640_000_000_000);

export const LOG_LOSSES_MAX = 50;
const logStandingSchema = z.object({
  /** When the oldest line was written that has not arrived; null: all but the newest seconds has. */
  behind_since: unixMs.nullable(),
  unsent_bytes: z.int().min(0),
  /** Given up since this edge's disk began. */
  lost_lines: z.int().min(0),
  /** The newest of those. */
  losses: z.array(z.object({ at: unixMs, from: unixMs, to: unixMs, lines: z.int().min(0) })).max(LOG_LOSSES_MAX),
});
export type LogStanding = z.infer<typeof logStandingSchema>;

// POST /edge/v1/report → 200 reportReply. Cumulative: everything up to `applied` is applied or in `refused`.
export const reportRequestSchema = z.object({
  feed_id: id,
  boot_id: id,
  seq: z.int().min(1),
  applied: rev,
  /** All refusals that still stand, not only new ones; at most 1,000. */
  refused: z.array(refusalSchema).max(1000),
  /** Of the live records at `applied`, refused ones included. */
  state_hash: hexHash,
  /** The structure revision nginx serves, 0 when none. */
  structure: rev,
  documents: z.int().min(0),
  capabilities: capabilitiesSchema,
  /** How far the access log is sent. Absent: an older agent. Times are unix milliseconds. */
  logs: logStandingSchema.optional(),
});
export const reportReplySchema = z.object({
  /** The state hashes differ: fetch the snapshot. */
  resync: z.boolean(),
});
export type ReportRequest = z.infer<typeof reportRequestSchema>;
export type ReportReply = z.infer<typeof reportReplySchema>;

// POST /edge/v1/logs: newline-delimited JSON, content-encoding gzip, header `edgewright-batch-id` (64 hex digits: the
// SHA-256 over edge id, inode, start, end and bytes). Sending it again changes nothing. → 204
export const BATCH_ID_HEADER = "edgewright-batch-id";
/** `true` when this batch may have been sent before: the control plane then looks for its lines one by one. */
export const BATCH_RETRY_HEADER = "edgewright-batch-retry";
/** Before compression; a larger batch is refused for ever, so cut it earlier. */
export const LOG_BATCH_BYTES_MAX = 32 * 1024 * 1024;

// GET /edge/v1/log-salts?from=2026-05-04 → 200 logSaltsReply: for an agent that writes straight to ClickHouse.
export const logSaltsReplySchema = z.object({
  salts: z
    .array(
      z.object({
        /** UTC. */
        day: z.iso.date(),
        salt: z.base64(),
      }),
    )
    .max(200),
});
export type LogSaltsReply = z.infer<typeof logSaltsReplySchema>;

// What a line is and what becomes of it: the control plane makes rows of lines, and so does an agent that writes straight
// to ClickHouse.
export { saltFromKey } from "./access-log/client-hash.ts";
export { type AccessLogLine, accessLogLineSchema } from "./access-log/line.ts";
export { batchNumberOf, type KeepRows, packBatch, packRows } from "./access-log/packed-rows.ts";
export { type FindPlace, openPlaces } from "./access-log/places.ts";
export type { AccessLogRow, LogBatch } from "./access-log/row.ts";
export { ACCESS_LOG_KEPT_DAYS, createRows, type MakeRows } from "./access-log/rows.ts";
export { type StoredBatch, storeBatch } from "./access-log/store-batch.ts";
