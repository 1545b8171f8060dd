// The keyring of a group: for whom its keys are wrapped, and when another key begins. No input or output but the random
// numbers of the wrapping.
import { constants, createPublicKey, type KeyObject, publicEncrypt } from "node:crypto";
import { type KeyringBody, keyFingerprint } from "../../../agents/contract.ts";

/** A node that may open the group's secrets. */
export interface NodeKey {
  readonly edgeId: string;
  /** SPKI PEM. */
  readonly publicKey: string;
}

interface Holder {
  readonly edge: string;
  readonly fingerprint: string;
  readonly key: KeyObject;
}

/**
 * The keyring for these nodes. Wraps that stand are kept as they are, so that the same nodes give the same bytes. Once a
 * node is gone, or has another key, another key of the group begins: what the node knows opens nothing new. The former
 * key stays for those who have not got everything anew yet.
 */
export function keyringFor(
  held: KeyringBody | undefined,
  nodes: readonly NodeKey[],
  keyOf: (generation: number) => Buffer,
): KeyringBody {
  const holders = nodes.map(holderOf).sort((one, other) => (one.edge < other.edge ? -1 : 1));
  const [current] = held?.keys ?? [];
  const begins = current === undefined || current.wraps.some((wrap) => !holders.some((holder) => isFor(wrap, holder)));
  const generations = begins
    ? [{ generation: (current?.generation ?? 0) + 1, wraps: [] }, ...(current === undefined ? [] : [current])]
    : (held?.keys ?? []);
  return {
    format: 1,
    keys: generations.map(({ generation, wraps }) => ({
      generation,
      wraps: holders.map((holder) => {
        const standing = wraps.find((wrap) => isFor(wrap, holder));
        return standing ?? { edge: holder.edge, key: holder.fingerprint, wrapped: wrap(keyOf(generation), holder.key) };
      }),
    })),
  };
}

/** Which key of the group seals now. */
export function currentGeneration({ keys }: KeyringBody): number {
  return Math.max(...keys.map(({ generation }) => generation));
}

type Wrap = KeyringBody["keys"][number]["wraps"][number];

function isFor(wrap: Wrap, { edge, fingerprint }: Holder): boolean {
  return wrap.edge === edge && wrap.key === fingerprint;
}

function holderOf({ edgeId, publicKey }: NodeKey): Holder {
  const key = createPublicKey(publicKey);
  return { edge: edgeId, fingerprint: keyFingerprint(key.export({ type: "spki", format: "der" })), key };
}

function wrap(groupKey: Buffer, key: KeyObject): string {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return publicEncrypt({ key, padding, oaepHash: "sha256" }, groupKey).toString("base64");
}
