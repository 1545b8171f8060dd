// Which keys may sign the feed: those pinned at enrolment, and whatever one of them hands over to. Who delivers a new key
// proves nothing: the API could be the attacker's, and it must not be able to sign what edges run.
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { type FeedKeysReply, feedKeySigningText } from "../contract.ts";

/** SPKI PEM by key id. */
export type PinnedKeys = Readonly<Record<string, string>>;
type OfferedKey = FeedKeysReply["feed_keys"][number];

const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const RAW_KEY_BYTES = 32;

/** The very same object when nothing of what is offered is new and endorsed. */
export function acceptEndorsed(pinned: PinnedKeys, offered: readonly OfferedKey[]): PinnedKeys {
  // Oldest first: one that is accepted may endorse the next.
  return [...offered].reverse().reduce(acceptOne, pinned);
}

/** The new key and the one that speaks for it: two, never more. */
function acceptOne(pinned: PinnedKeys, { id, public_key: publicKey, endorsement }: OfferedKey): PinnedKeys {
  if (pinned[id] !== undefined || endorsement === null) return pinned;
  const [endorserId = "", signature = ""] = endorsement.split(":");
  const endorser = pinned[endorserId];
  const raw = Buffer.from(publicKey, "base64");
  if (endorser === undefined || raw.length !== RAW_KEY_BYTES) return pinned;
  const text = feedKeySigningText({ id, publicKey });
  if (!verify(null, Buffer.from(text), endorser, Buffer.from(signature, "base64"))) return pinned;
  return { [endorserId]: endorser, [id]: pemOf(keyOf(raw)) };
}

function keyOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: "der", type: "spki" });
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}
