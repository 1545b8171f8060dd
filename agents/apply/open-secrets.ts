// Opens the secrets of this edge's group with its own key: the keyring's key, then what is sealed under it. What comes out
// is for nginx's memory alone, and never in a log or an error.
import { constants, createDecipheriv, createPublicKey, hkdfSync, type KeyObject, privateDecrypt } from "node:crypto";
import {
  type KeyringBody,
  keyFingerprint,
  keyringBodySchema,
  type SecretBody,
  secretBodySchema,
  secretContext,
} from "../contract.ts";
import type { Identity } from "../identity/identity.ts";
import { parseJson } from "./document.ts";

const KEY_BYTES = 32;

/** By generation; empty when the keyring has nothing for this edge (yet). */
export type GroupKeys = ReadonlyMap<number, Buffer>;

/** Throws when a wrap that is for this edge does not open, or the body is no keyring. */
export function openKeyring(body: string, { edgeId, key }: Pick<Identity, "edgeId" | "key">): GroupKeys {
  const keyring: KeyringBody = keyringBodySchema.parse(parseJson(body));
  const fingerprint = keyFingerprint(createPublicKey(key).export({ type: "spki", format: "der" }));
  const opened = new Map<number, Buffer>();
  for (const { generation, wraps } of keyring.keys) {
    const own = wraps.find((wrap) => wrap.edge === edgeId && wrap.key === fingerprint);
    if (own !== undefined) opened.set(generation, unwrap(own.wrapped, key));
  }
  return opened;
}

function unwrap(wrapped: string, key: KeyObject): Buffer {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const bytes = privateDecrypt({ key, padding, oaepHash: "sha256" }, Buffer.from(wrapped, "base64"));
  if (bytes.length !== KEY_BYTES) throw new Error("the keyring holds a key of another length");
  return bytes;
}

/** Under this id nginx is told by what viewers' sessions are sealed (openresty/lua/session_tickets.lua). */
export const TICKET_ROOT_ID = "00000000-0000-0000-0000-7469636b6574";

/** The same on every edge of the group, and another one with every generation: a node that left cannot open sessions. */
export function ticketRootOf(keys: GroupKeys): string | undefined {
  const key = keys.get(Math.max(0, ...keys.keys()));
  if (key === undefined) return undefined;
  return Buffer.from(hkdfSync("sha256", key, "", "edgewright-session-tickets-1", KEY_BYTES)).toString("base64");
}

/** Undefined when its key is not at hand (yet); throws when it does not open although it is. */
export function openSecret(
  { id, body }: { id: string; body: string },
  scope: string,
  keys: GroupKeys,
): string | undefined {
  const sealed: SecretBody = secretBodySchema.parse(parseJson(body));
  const key = keys.get(sealed.generation);
  if (key === undefined) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(sealed.nonce, "base64"), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(secretContext(scope, id, sealed.account)));
  decipher.setAuthTag(Buffer.from(sealed.tag, "base64"));
  const plain = Buffer.concat([decipher.update(Buffer.from(sealed.ciphertext, "base64")), decipher.final()]);
  return plain.toString("utf8");
}
