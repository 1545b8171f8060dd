// Whether a record or a checkpoint is what the control plane's workers signed. Knows the pinned keys, nothing else.
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { type CheckpointHead, checkpointSigningText, type FeedRecord, hashOf, recordSigningText } from "../contract.ts";
import { type CheckpointStart, type Frame, FrameError } from "./frames.ts";

export interface Feed {
  readonly feedId: string;
  readonly scope: string;
}

/** By key id. Two while a rotation is under way. */
export type FeedKeys = ReadonlyMap<string, KeyObject>;

export function feedKeysOf(pems: Readonly<Record<string, string>>): FeedKeys {
  return new Map(Object.entries(pems).map(([keyId, pem]) => [keyId, ed25519Of(keyId, pem)]));
}

function ed25519Of(keyId: string, pem: string): KeyObject {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== "ed25519") throw new Error(`feed key ${keyId} is not an Ed25519 key`);
  return key;
}

/** The 32 bytes of an Ed25519 key, without the SPKI wrapping: what Lua hands to libcrypto. */
export function rawKey(key: KeyObject): string {
  return key.export({ type: "spki", format: "der" }).subarray(-32).toString("base64");
}

/** Why the record is not to be trusted, or undefined when it is. */
export function findFault(record: FeedRecord, feed: Feed, keys: FeedKeys): string | undefined {
  if (hashOf(record.body) !== record.hash) return "the body does not have the hash of its record";
  if (record.op === "del" && record.body !== "") return "a tombstone has a body";
  return findSignatureFault(record.signature, recordSigningText(feed, record), keys);
}

export function findFrameFault(frame: Frame, feed: Feed, keys: FeedKeys): string | undefined {
  if (hashOf(frame.body) !== frame.record.hash) return "the body does not have the hash of its record";
  return findSignatureFault(frame.record.signature, recordSigningText(feed, frame.record), keys);
}

function findSignatureFault(signature: string, text: string, keys: FeedKeys): string | undefined {
  const [keyId = "", encoded = ""] = splitOnce(signature, ":");
  const key = keys.get(keyId);
  if (key === undefined) return `signed by the key ${JSON.stringify(keyId)}, which is not pinned here`;
  const right = verify(null, Buffer.from(text), key, Buffer.from(encoded, "base64"));
  return right ? undefined : "the signature does not fit the record";
}

export interface CheckpointCheck {
  /** Throws FrameError at the first thing that does not fit. */
  take(item: Frame | CheckpointStart): void;
  /** Throws FrameError when records are missing; otherwise the head, proven. */
  finish(): CheckpointHead;
}

/** Checks a checkpoint as it streams by. The head's signature covers the digest of all header lines, they cover the bodies. */
export function checkCheckpoint(expected: Feed, keys: FeedKeys): CheckpointCheck {
  const digest = createHash("sha256");
  let head: CheckpointHead | undefined;
  let count = 0;

  function takeHead(start: CheckpointHead): void {
    if (start.feedId !== expected.feedId || start.scope !== expected.scope)
      throw new FrameError("a checkpoint of another feed");
    const fault = findSignatureFault(start.signature, checkpointSigningText(start), keys);
    if (fault !== undefined) throw new FrameError(`checkpoint ${start.rev}: ${fault}`);
    head = start;
  }

  return {
    take: (item) => {
      if (head === undefined) {
        if (item.type !== "checkpoint") throw new FrameError("a checkpoint without its first line");
        return takeHead(item.head);
      }
      if (item.type === "checkpoint") throw new FrameError("a second checkpoint in one file");
      const { record, body } = item;
      if (record.op !== "put" || record.rev > head.rev)
        throw new FrameError(`record ${record.rev} has no place in a checkpoint`);
      if (hashOf(body) !== record.hash) throw new FrameError(`the body of record ${record.rev} does not have its hash`);
      count += 1;
      if (count > head.count) throw new FrameError(`more than the ${head.count} records of the checkpoint`);
      digest.update(item.line);
    },
    finish: () => {
      if (head === undefined) throw new FrameError("an empty checkpoint file");
      if (count !== head.count) throw new FrameError(`${count} of the ${head.count} records of the checkpoint`);
      if (digest.digest("hex") !== head.digest)
        throw new FrameError("the checkpoint's digest does not fit its records");
      return head;
    },
  };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}
