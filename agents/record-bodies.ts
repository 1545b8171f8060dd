// What the records of each kind say: the bodies that a worker writes, and the agent, or nginx, reads. Others see them by
// contract.ts.
import { createHash } from "node:crypto";
import { z } from "zod";

const id = z.uuid();

// The body of a `keyring` (its id is the group's): AES-256 keys, newest first, each wrapped by RSA-OAEP with SHA-256 for the
// key of a node's certificate. A node without a wrap of its own was enrolled a moment ago: the record comes anew.
const wrapSchema = z.strictObject({
  edge: id,
  /** Of the node's public key: see keyFingerprint. */
  key: z.string().regex(/^[0-9a-f]{16}$/),
  wrapped: z.base64(),
});
export const keyringBodySchema = z.strictObject({
  format: z.literal(1),
  keys: z
    .array(z.strictObject({ generation: z.int().min(1), wraps: z.array(wrapSchema) }))
    .min(1)
    .max(2),
});
export type KeyringBody = z.infer<typeof keyringBodySchema>;

/** Names a public key (SPKI, DER) without giving anything of it away that matters. */
export function keyFingerprint(spki: Buffer): string {
  return createHash("sha256").update(spki).digest("hex").slice(0, 16);
}

// The body of a `secret` (its id is the secret's): AES-256-GCM under the keyring's key of this generation.
export const secretBodySchema = z.strictObject({
  format: z.literal(1),
  account: id,
  generation: z.int().min(1),
  nonce: z.base64(),
  ciphertext: z.base64(),
  tag: z.base64(),
});
export type SecretBody = z.infer<typeof secretBodySchema>;

/** What a sealed secret is bound to: it opens under no other id, in no other group, for no other account. */
export function secretContext(scope: string, secretId: string, account: string): string {
  return ["edgewright-edge-secret-1", scope, secretId, account].join("\n");
}

// The body of a `purge` (its id is the purge's). Epochs of one distribution rise with each purge, in every group alike; they
// are milliseconds of the clock where that is ahead, so that they rise over a restored database too. A mark is forgotten a
// month later: nothing that it was for outlives that (see openresty/lua/marks.lua).
export const PURGE_BODY_BYTES_MAX = 256 * 1024;
export const purgeBodySchema = z.strictObject({
  format: z.literal(1),
  distribution: id,
  epoch: z.int().min(1),
  all: z.literal(true).optional(),
  /** Canonical targets. Without a query: the path with any query. */
  urls: z.array(z.string().startsWith("/")).optional(),
  /** Canonical paths that begin and end with `/`. */
  prefixes: z.array(z.string().startsWith("/").endsWith("/")).optional(),
  tags: z.array(z.string().min(1)).optional(),
});
export type PurgeBody = z.infer<typeof purgeBodySchema>;

// The body of a `prefetch`: done once, when it comes as news.
export const prefetchBodySchema = z.strictObject({
  format: z.literal(1),
  distribution: id,
  /** Absolute, on hosts of the distribution. */
  urls: z.array(z.url()).min(1),
});
export type PrefetchBody = z.infer<typeof prefetchBodySchema>;

/** Stands for an account in what is the platform's own; its certificates are for everybody's names. */
export const PLATFORM_ACCOUNT = "00000000-0000-0000-0000-000000000000";

// The body of a `certificate` (its id is the certificate's). The private keys are secrets: sealed, and in memory only.
export const certificateBodySchema = z.strictObject({
  format: z.literal(1),
  account: id,
  /** Lower case; `*.` at the front stands for one label. */
  names: z.array(z.string()).min(1),
  /** Unix seconds: when several cover a name, the one that ends last serves it. */
  not_after: z.int(),
  /** At most one of each type. */
  chains: z
    .array(
      z.strictObject({
        type: z.enum(["ecdsa", "rsa"]),
        /** PEM, the leaf first. */
        chain: z.string(),
        /** PEM of the private key, as a `secret` of this id. */
        secret: id,
      }),
    )
    .min(1)
    .max(2),
});
export type CertificateBody = z.infer<typeof certificateBodySchema>;

// The body of a `node`. `draining`: it serves, but says on its own names that nobody should come any more; `maintenance`:
// nginx has ended after its last answer.
export const nodeStates = ["active", "draining", "maintenance"] as const;
export const nodeBodySchema = z.strictObject({ format: z.literal(1), state: z.enum(nodeStates) });
export type NodeBody = z.infer<typeof nodeBodySchema>;

// The body of a `shield` (its id is the group's): what the edges of the group need to know of their parents and children.
export const SHIELD_NODES_MAX = 1000;
export const SHIELD_CHILD_NODES_MAX = 5000;
export const shieldBodySchema = z.strictObject({
  format: z.literal(1),
  /** Null: the origin is asked at once. */
  parent: z
    .strictObject({
      group: id,
      /** What the edges of the parent group listen on for children. */
      port: z.int().min(1).max(65535),
      /** Those that take requests. */
      nodes: z.array(z.strictObject({ id, address: z.union([z.ipv4(), z.ipv6()]) })).max(SHIELD_NODES_MAX),
    })
    .nullable(),
  /** The groups whose edges may ask. */
  children: z.array(id),
  /** Those edges of them that may: one that was removed is not named any more. Absent: an older control plane names none. */
  child_nodes: z.array(id).max(SHIELD_CHILD_NODES_MAX).optional(),
});
export type ShieldBody = z.infer<typeof shieldBodySchema>;

// The body of a `challenge` (RFC 8555 § 8.3; any id): whoever asks an edge for CHALLENGE_PATH and the token, for whatever
// host, over HTTP or HTTPS, gets the key authorization.
export const CHALLENGE_PATH = "/.well-known/acme-challenge/";
export const challengeBodySchema = z.strictObject({
  format: z.literal(1),
  token: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/),
  key_authorization: z.string().regex(/^[A-Za-z0-9_.-]{1,300}$/),
});
export type ChallengeBody = z.infer<typeof challengeBodySchema>;
