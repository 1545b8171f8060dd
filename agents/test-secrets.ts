// Secrets as the control plane seals them for a group of edges, for tests of the agent.
import { constants, createCipheriv, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import { type KeyringBody, keyFingerprint, type SecretBody, secretContext } from "./contract.ts";
import type { Identity } from "./identity/identity.ts";

type Node = Pick<Identity, "edgeId" | "key">;

export interface TestSecrets {
  /** The body of a keyring for these nodes. */
  keyring(nodes: readonly Node[], generation?: number): string;
  /** The body of a secret. */
  sealed(id: string, value: string, options?: { generation?: number; scope?: string }): string;
}

const ACCOUNT = "44444444-4444-4444-8444-444444444444";

export function createTestSecrets(scope: string): TestSecrets {
  const keys = new Map<number, Buffer>();

  function keyOf(generation: number): Buffer {
    const known = keys.get(generation) ?? randomBytes(32);
    keys.set(generation, known);
    return known;
  }

  return {
    keyring: (nodes, generation = 1) => {
      const wraps = nodes.map((node) => wrapFor(node, keyOf(generation)));
      return JSON.stringify({ format: 1, keys: [{ generation, wraps }] } satisfies KeyringBody);
    },
    sealed: (id, value, { generation = 1, scope: itsScope = scope } = {}) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", keyOf(generation), nonce);
      cipher.setAAD(Buffer.from(secretContext(itsScope, id, ACCOUNT)));
      const ciphertext = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
      return JSON.stringify({
        ...{ format: 1, account: ACCOUNT, generation },
        nonce: nonce.toString("base64"),
        ciphertext: ciphertext.toString("base64"),
        tag: cipher.getAuthTag().toString("base64"),
      } satisfies SecretBody);
    },
  };
}

function wrapFor({ edgeId, key }: Node, groupKey: Buffer): KeyringBody["keys"][number]["wraps"][number] {
  const publicKey = createPublicKey(key);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return {
    edge: edgeId,
    key: keyFingerprint(publicKey.export({ type: "spki", format: "der" })),
    wrapped: publicEncrypt({ key: publicKey, padding, oaepHash: "sha256" }, groupKey).toString("base64"),
  };
}
