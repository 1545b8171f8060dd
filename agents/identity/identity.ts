// Who this edge is: the reply to its enrolment, kept beside its key. Enrols once; from then on the disk knows.
import { createHash, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type Capabilities,
  type EnrolReply,
  type EnrolRequest,
  edgeServerName,
  enrolReplySchema,
} from "../contract.ts";
import { findFile, writeDurably } from "../durable-file.ts";
import type { PinnedKeys } from "./feed-keys.ts";
import { certificateRequest, openKey } from "./key.ts";

export interface Identity {
  readonly edgeId: string;
  /** The edge group. */
  readonly scope: string;
  readonly key: KeyObject;
  readonly certificate: string;
  /** The certificate (PEM) of the edges' authority. */
  readonly authority: string;
  /** Ed25519 public keys (SPKI PEM) by key id: pinned at enrolment; one of them may hand over to another. */
  readonly feedKeys: PinnedKeys;
}

export interface Enrolment {
  readonly token: string;
  readonly name: string;
  readonly capabilities: Capabilities;
}

const KEY_FILE = "key.pem";
const REPLY_FILE = "enrolment.json";

/** Undefined when this edge never enrolled. */
export async function findIdentity(folder: string): Promise<Identity | undefined> {
  const text = await findFile(join(folder, REPLY_FILE));
  if (text === undefined) return undefined;
  return identityOf(enrolReplySchema.parse(JSON.parse(text)), await openKey(join(folder, KEY_FILE)));
}

/** The key is on disk before the token is spent, so a crash in between costs no more than a new token. */
export async function enrol(
  folder: string,
  wish: Enrolment,
  send: (request: EnrolRequest) => Promise<EnrolReply>,
): Promise<Identity> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const key = await openKey(join(folder, KEY_FILE));
  const reply = await send({ ...wish, csr: certificateRequest(key, wish.name) });
  assertPinned(reply, wish.token);
  const identity = identityOf(reply, key);
  await writeDurably(join(folder, REPLY_FILE), JSON.stringify(reply, undefined, 2), 0o600);
  return identity;
}

/** The same edge with a younger certificate. */
export async function storeCertificate(folder: string, identity: Identity, certificate: string): Promise<Identity> {
  assertCertifies(certificate, identity.key);
  const text = await findFile(join(folder, REPLY_FILE));
  if (text === undefined) throw new Error("this edge never enrolled");
  const reply = enrolReplySchema.parse(JSON.parse(text));
  await writeDurably(join(folder, REPLY_FILE), JSON.stringify({ ...reply, certificate }, undefined, 2), 0o600);
  return { ...identity, certificate };
}

/** The same edge, believing these keys from now on. */
export async function storeFeedKeys(folder: string, identity: Identity, feedKeys: PinnedKeys): Promise<Identity> {
  const text = await findFile(join(folder, REPLY_FILE));
  if (text === undefined) throw new Error("this edge never enrolled");
  const reply = enrolReplySchema.parse(JSON.parse(text));
  await writeDurably(join(folder, REPLY_FILE), JSON.stringify({ ...reply, feed_keys: feedKeys }, undefined, 2), 0o600);
  return { ...identity, feedKeys };
}

/** Whether edges of other groups find its name in the certificate: one of an earlier release has none. */
export function isNamed({ certificate, edgeId, scope }: Pick<Identity, "certificate" | "edgeId" | "scope">): boolean {
  return new X509Certificate(certificate).checkHost(edgeServerName({ edgeId, groupId: scope })) !== undefined;
}

/** A token may end in `.` and the SHA-256 of the authority's public key: whoever answers must be of that authority. */
function assertPinned(reply: EnrolReply, token: string): void {
  const pin = token.split(".")[1];
  if (pin === undefined) return;
  const { publicKey } = new X509Certificate(reply.ca_certificate);
  const found = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64url");
  if (found === pin && new X509Certificate(reply.certificate).verify(publicKey)) return;
  throw new Error("the control plane that answered is not the one that the enrolment token was made by");
}

function identityOf(reply: EnrolReply, key: KeyObject): Identity {
  assertCertifies(reply.certificate, key);
  const { edge_id: edgeId, scope, certificate, ca_certificate: authority, feed_keys: feedKeys } = reply;
  return { edgeId, scope, key, certificate, authority, feedKeys };
}

function assertCertifies(certificate: string, key: KeyObject): void {
  if (new X509Certificate(certificate).publicKey.equals(createPublicKey(key))) return;
  throw new Error("the certificate from the control plane is not one for this edge's key");
}
