// The feed of a test control plane: signed with a real Ed25519 key, kept in memory.
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import {
  type ChangesReply,
  checkpointLine,
  checkpointSigningText,
  type FeedKeysReply,
  type FeedRecord,
  feedKeySigningText,
  frame,
  hashOf,
  headerLine,
  type RecordKind,
  recordSigningText,
  STATE_HASH_MODULUS,
  stateHashTerm,
} from "./contract.ts";
import { pemOf } from "./test-authority.ts";

/** What tests do with it. */
export interface TestFeed {
  /** The group's; another one after `moveToAnotherGroup`. */
  readonly scope: string;
  /** Those that an edge pins at its enrolment at the beginning. */
  readonly feedKeys: Record<string, string>;
  feedId(): string;
  rev(): number;
  put(kind: RecordKind, id: string, body: string): FeedRecord;
  remove(kind: RecordKind, id: string): FeedRecord;
  /** Appends a record just as it is. */
  append(record: FeedRecord): void;
  sign(record: Omit<FeedRecord, "signature" | "hash"> & { hash?: string }): FeedRecord;
  /** From now on there is a checkpoint of what is live, and changes before `forgetBefore` are 410. */
  makeCheckpoint(options?: { forget: boolean }): void;
  checkpointFile(): Buffer;
  stateHash(): string;
  /** Another key signs from now on; only `endorsed` does the former one speak for it. */
  changeKey(id: string, options: { endorsed: boolean }): void;
  /** A restored database: another feed id, the records that `keep` lets through numbered anew. */
  restore(options: { keep: (record: FeedRecord) => boolean; checkpoint: boolean }): void;
}

/** What the control plane around it needs besides. */
export interface ServedFeed extends TestFeed {
  changesSince(since: number): ChangesReply;
  /** Changes since then are all there. */
  reachesBackTo(since: number): boolean;
  checkpoint(): Buffer | undefined;
  /** The key that signs now, as edges pin it. */
  currentKey(): Record<string, string>;
  offeredKeys(): FeedKeysReply["feed_keys"];
  /** Empty, for another group. */
  beginAnew(): void;
}

const KEY_ID = "test-1";
const PAGE_BYTES_MAX = 4_000_000;

/** `onAppended`: somebody may wait for it. */
export function createTestFeed(onAppended: () => void): ServedFeed {
  let { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const firstKey = pemOf(publicKey);
  let keyId = KEY_ID;
  const offered: FeedKeysReply["feed_keys"] = [];
  const live = new Map<string, FeedRecord>();
  let scope: string = randomUUID();
  let feedId: string = randomUUID();
  let rev = 0;
  let oldest = 0;
  let checkpoint: { rev: number; file: Buffer } | undefined;

  function signText(text: string): string {
    return `${keyId}:${sign(null, Buffer.from(text), privateKey).toString("base64")}`;
  }

  function signed(record: Omit<FeedRecord, "signature" | "hash"> & { hash?: string }): FeedRecord {
    const whole = { ...record, hash: record.hash ?? hashOf(record.body) };
    return { ...whole, signature: signText(recordSigningText({ feedId, scope }, whole)) };
  }

  function append(record: FeedRecord): void {
    rev = Math.max(rev, record.rev);
    live.set(`${record.kind}|${record.id}`, record);
    onAppended();
  }

  function appendNext(record: Pick<FeedRecord, "kind" | "id" | "op" | "body">): FeedRecord {
    const next = signed({ ...record, rev: rev + 1 });
    append(next);
    return next;
  }

  const standing = () => [...live.values()].filter(({ op }) => op === "put");

  function checkpointFile(): Buffer {
    const records = standing().map((record) => ({ ...record, signature: "-" }));
    const digest = hashOf(records.map(headerLine).join(""));
    const head = { feedId, scope, rev, count: records.length, digest };
    const line = checkpointLine({ ...head, signature: signText(checkpointSigningText(head)) });
    return Buffer.from(line + records.map(frame).join(""));
  }

  function changesSince(since: number): ChangesReply {
    const records = [...live.values()].filter((record) => record.rev > since).sort((a, b) => a.rev - b.rev);
    const page: FeedRecord[] = [];
    let bytes = 0;
    for (const record of records) {
      if (page.length > 0 && bytes + record.body.length > PAGE_BYTES_MAX) break;
      page.push(record);
      bytes += record.body.length + 400;
    }
    const more = page.length < records.length;
    const to = more ? (page.at(-1)?.rev ?? since) : rev;
    return { feed_id: feedId, from: since, to, more, checkpoint: checkpoint?.rev ?? 0, records: page };
  }

  return {
    get scope() {
      return scope;
    },
    feedKeys: { [KEY_ID]: firstKey },
    feedId: () => feedId,
    rev: () => rev,
    put: (kind, id, body) => appendNext({ kind, id, op: "put", body }),
    remove: (kind, id) => appendNext({ kind, id, op: "del", body: "" }),
    append,
    sign: signed,
    makeCheckpoint: ({ forget } = { forget: false }) => {
      checkpoint = { rev, file: checkpointFile() };
      if (forget) oldest = rev;
    },
    checkpointFile,
    stateHash: () => {
      const sum = standing().reduce((total, record) => total + stateHashTerm(record), 0n);
      return (sum % STATE_HASH_MODULUS).toString(16).padStart(64, "0");
    },
    changeKey: (id, { endorsed }) => {
      const next = generateKeyPairSync("ed25519");
      const raw = next.publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("base64");
      const endorsement = endorsed ? signText(feedKeySigningText({ id, publicKey: raw })) : null;
      offered.unshift({ id, public_key: raw, endorsement });
      offered.splice(2);
      ({ privateKey, publicKey } = next);
      keyId = id;
    },
    restore: ({ keep, checkpoint: withCheckpoint }) => {
      feedId = randomUUID();
      const records = [...live.values()].filter(keep);
      live.clear();
      rev = 0;
      oldest = 0;
      for (const { kind, id, body } of records) append(signed({ kind, id, rev: rev + 1, op: "put", body }));
      checkpoint = withCheckpoint ? { rev, file: checkpointFile() } : undefined;
      onAppended();
    },
    changesSince,
    reachesBackTo: (since) => since >= oldest && since <= rev,
    checkpoint: () => checkpoint?.file,
    currentKey: () => ({ [keyId]: pemOf(publicKey) }),
    offeredKeys: () => offered,
    beginAnew: () => {
      scope = randomUUID();
      live.clear();
      rev = 0;
      checkpoint = undefined;
    },
  };
}
