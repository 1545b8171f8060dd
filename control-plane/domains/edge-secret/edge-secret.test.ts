// Keyrings and sealing, without a database: for whom a group's keys are wrapped, when another one begins, what opens what.
import {
  constants,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
} from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { type KeyringBody, keyFingerprint, type SecretBody, secretContext } from "../../../agents/contract.ts";
import { createTestKey } from "../edge-node/test-agent.ts";
import { groupKeysOf } from "./group-keys.ts";
import { currentGeneration, keyringFor, type NodeKey } from "./rules.ts";

const scope = "11111111-1111-4111-8111-111111111111";
const id = "22222222-2222-4222-8222-222222222222";
const accountId = "33333333-3333-4333-8333-333333333333";
const keys = groupKeysOf(Buffer.alloc(32, 7));
const keyOf = (generation: number) => keys.keyOf(scope, generation);

interface TestNode extends NodeKey {
  readonly key: KeyObject;
}
let one: TestNode;
let two: TestNode;
let twoAnew: TestNode;

beforeAll(() => {
  [one, two, twoAnew] = [newNode("a"), newNode("b"), newNode("b")];
});

function newNode(letter: string): TestNode {
  const key = createPrivateKey(createTestKey().pem);
  const publicKey = createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
  return { edgeId: `${letter.repeat(8)}-1111-4111-8111-111111111111`, publicKey, key };
}

/** The key of a generation as this node finds it in the keyring; undefined when there is none for it. */
function unwrapped(keyring: KeyringBody, node: TestNode, generation: number): Buffer | undefined {
  const fingerprint = keyFingerprint(createPublicKey(node.key).export({ type: "spki", format: "der" }));
  const entry = keyring.keys.find((key) => key.generation === generation);
  const wrap = entry?.wraps.find(({ edge, key }) => edge === node.edgeId && key === fingerprint);
  if (wrap === undefined) return undefined;
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return privateDecrypt({ key: node.key, padding, oaepHash: "sha256" }, Buffer.from(wrap.wrapped, "base64"));
}

function opened(body: SecretBody, key: Buffer, context: string): string {
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(body.nonce, "base64"));
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(Buffer.from(body.tag, "base64"));
  return Buffer.concat([decipher.update(Buffer.from(body.ciphertext, "base64")), decipher.final()]).toString("utf8");
}

describe("a keyring", () => {
  test("gives every node the same key, under its own", () => {
    const keyring = keyringFor(undefined, [two, one], keyOf);
    expect(currentGeneration(keyring)).toBe(1);
    for (const node of [one, two]) expect(unwrapped(keyring, node, 1)).toEqual(keyOf(1));
    expect(unwrapped(keyring, twoAnew, 1)).toBeUndefined();
  });

  test("is byte for byte the same for the same nodes, in whatever order", () => {
    const keyring = keyringFor(undefined, [one, two], keyOf);
    expect(keyringFor(keyring, [two, one], keyOf)).toEqual(keyring);
  });

  test("takes a node that comes in, and touches nobody else's wrap", () => {
    const before = keyringFor(undefined, [one], keyOf);
    const after = keyringFor(before, [one, two], keyOf);
    expect(currentGeneration(after)).toBe(1);
    expect(after.keys[0]?.wraps).toContainEqual(before.keys[0]?.wraps[0]);
    expect(unwrapped(after, two, 1)).toEqual(keyOf(1));
  });

  test("begins another key when a node goes, and keeps the former one for those who stay", () => {
    const after = keyringFor(keyringFor(undefined, [one, two], keyOf), [one], keyOf);
    expect(after.keys.map(({ generation }) => generation)).toEqual([2, 1]);
    expect(unwrapped(after, one, 2)).toEqual(keyOf(2));
    expect(unwrapped(after, one, 1)).toEqual(keyOf(1));
    expect([1, 2].map((generation) => unwrapped(after, two, generation))).toEqual([undefined, undefined]);
    expect(keyOf(2)).not.toEqual(keyOf(1));
    expect(keyringFor(after, [one], keyOf)).toEqual(after);
  });

  test("begins another key when a node has another one: somebody may have its disk", () => {
    const after = keyringFor(keyringFor(undefined, [one, two], keyOf), [one, twoAnew], keyOf);
    expect(currentGeneration(after)).toBe(2);
    expect(unwrapped(after, two, 2)).toBeUndefined();
    expect(unwrapped(after, twoAnew, 2)).toEqual(keyOf(2));
  });

  test("holds two keys at most", () => {
    const third = [[one, two], [one], [one, two], [two]].reduce<KeyringBody | undefined>(
      (held, nodes) => keyringFor(held, nodes, keyOf),
      undefined,
    );
    expect(third?.keys.map(({ generation }) => generation)).toEqual([3, 2]);
  });

  test("of a group without nodes is there for those who come", () => {
    expect(keyringFor(undefined, [], keyOf).keys).toEqual([{ generation: 1, wraps: [] }]);
  });
});

describe("a sealed secret", () => {
  const secret = { scope, id, accountId, value: "wJalrXUtnFEMI/K7MDENG" };

  test("opens with its group's key and in its own place alone", () => {
    const body = keys.seal(secret, 1);
    expect(opened(body, keyOf(1), secretContext(scope, id, accountId))).toBe(secret.value);
    expect(() => opened(body, keyOf(2), secretContext(scope, id, accountId))).toThrow();
    expect(() => opened(body, keyOf(1), secretContext(scope, accountId, accountId))).toThrow();
    expect(() => opened(body, keyOf(1), secretContext(scope, id, id))).toThrow();
    expect(() => opened(body, keys.keyOf(id, 1), secretContext(scope, id, accountId))).toThrow();
  });

  test("is the same bytes each time, and other bytes for any other secret, group or key", () => {
    const body = keys.seal(secret, 1);
    expect(keys.seal(secret, 1)).toEqual(body);
    const others = [
      keys.seal({ ...secret, value: "wJalrXUtnFEMI/K7MDENH" }, 1),
      keys.seal({ ...secret, scope: id }, 1),
      keys.seal({ ...secret, id: accountId }, 1),
      keys.seal(secret, 2),
      groupKeysOf(Buffer.alloc(32, 8)).seal(secret, 1),
    ];
    const nonces = [body, ...others].map(({ nonce }) => nonce);
    expect(new Set(nonces).size).toBe(nonces.length);
  });
});
