import { describe, expect, test } from "vitest";
import { createSeal, createSealOf, type MasterKeys, masterKey, SealError, type Sealed, sealedSchema } from "./seal.ts";

const former = Buffer.alloc(32, 0x0f);
const current = Buffer.alloc(32, 0xf0);
const seal = createSeal(former);

/** Made by release 0.1.0 with the former key: its bytes are what lies in databases. */
const FORMAT_1: Sealed = {
  format: 1,
  key: "6a2f5bff7767c559",
  nonce: "pi0tvMRxnHPtnVRj",
  ciphertext: "JwFrqn62JC7/rQ==",
  tag: "Vu1mFtAQfj7A1Wnsm8Bmpg==",
};

function envelope(sealed: Sealed) {
  if (sealed.format !== 2) throw new Error("not an envelope");
  return sealed;
}

function withBitChanged(base64: string, index: number): string {
  return Buffer.from(Buffer.from(base64, "base64").map((byte, at) => (at === index ? byte ^ 1 : byte))).toString(
    "base64",
  );
}

describe("a sealed secret", () => {
  test.each(["schlüssel", "", "x".repeat(100_000)])(
    "opens with the same key and context, also after JSON",
    (secret) => {
      const stored = sealedSchema.parse(JSON.parse(JSON.stringify(seal.seal(secret, "edge-ca"))));
      expect(createSeal(former).open(stored, "edge-ca")).toBe(secret);
    },
  );

  test("shows nothing of the secret or the key, and has a data key of its own", () => {
    const first = envelope(seal.seal("a secret", "edge-ca"));
    const second = envelope(seal.seal("a secret", "edge-ca"));
    expect(first.value).not.toBe(second.value);
    expect(first.data_key).not.toBe(second.data_key);
    expect(JSON.stringify(first)).not.toContain("a secret");
    expect(former.toString("hex")).not.toContain(first.key);
    // Another value's data key does not open it, though the same master key wraps both.
    expect(() => seal.open({ ...first, data_key: second.data_key }, "edge-ca")).toThrow(SealError);
  });

  test("does not open for another context", () => {
    expect(() => seal.open(seal.seal("a secret", "origin:1"), "origin:2")).toThrow(SealError);
  });

  test("does not open with another key, and says which key it needs", () => {
    const sealed = seal.seal("a secret", "edge-ca");
    expect(() => createSeal(current).open(sealed, "edge-ca")).toThrow(sealed.key);
  });

  test("does not open when any bit was changed, or anything cut off", () => {
    const sealed = envelope(seal.seal("a secret", "edge-ca"));
    for (const field of ["data_key", "value"] as const) {
      const bytes = Buffer.from(sealed[field], "base64");
      for (let at = 0; at < bytes.length; at += 1) {
        const changed = { ...sealed, [field]: withBitChanged(sealed[field], at) };
        expect(() => seal.open(changed, "edge-ca")).toThrow(SealError);
      }
      for (const length of [0, 4, 27, bytes.length - 1]) {
        const cut = { ...sealed, [field]: bytes.subarray(0, length).toString("base64") };
        expect(() => seal.open(cut, "edge-ca")).toThrow(SealError);
      }
    }
  });
});

describe("after a rotation", () => {
  const rotated = createSeal(current, [former]);

  test("what the former key sealed opens, and what is sealed anew needs the current one", () => {
    expect(rotated.open(seal.seal("a secret", "edge-ca"), "edge-ca")).toBe("a secret");
    const anew = rotated.seal("a secret", "edge-ca");
    expect(createSeal(current).open(anew, "edge-ca")).toBe("a secret");
    expect(() => seal.open(anew, "edge-ca")).toThrow(anew.key);
  });

  test("rewrapping changes the wrapping alone, and the former key is needed no more", () => {
    const before = envelope(seal.seal("a secret", "edge-ca"));
    const after = rotated.rewrap(before);
    expect(after).toEqual({ ...before, key: masterKey(current).id, data_key: after.data_key });
    expect(createSeal(current).open(after, "edge-ca")).toBe("a secret");
    expect(() => createSeal(current).open(after, "another")).toThrow(SealError);
  });

  test("what does not unwrap is not rewrapped", () => {
    const sealed = envelope(seal.seal("a secret", "edge-ca"));
    expect(() => createSeal(current).rewrap(sealed)).toThrow(sealed.key);
    expect(() => rotated.rewrap({ ...sealed, data_key: withBitChanged(sealed.data_key, 20) })).toThrow(SealError);
  });

  test("a value of the format before opens, with its key as current or as former one, for its context alone", () => {
    expect(sealedSchema.parse(FORMAT_1)).toEqual(FORMAT_1);
    for (const reader of [seal, rotated]) expect(reader.open(FORMAT_1, "edge-ca")).toBe("schlüssel");
    expect(() => seal.open(FORMAT_1, "edge-cb")).toThrow(SealError);
    expect(() => createSeal(current).open(FORMAT_1, "edge-ca")).toThrow(FORMAT_1.key);
    const shortTag = Buffer.from(FORMAT_1.tag, "base64").subarray(0, 4).toString("base64");
    expect(() => seal.open({ ...FORMAT_1, tag: shortTag }, "edge-ca")).toThrow(SealError);
  });

  test("keys that change while the process runs are seen at once", () => {
    let keys: MasterKeys = [masterKey(former)];
    const living = createSealOf(() => keys);
    const before = living.seal("a secret", "edge-ca");
    keys = [masterKey(current), masterKey(former)];
    expect(living.open(before, "edge-ca")).toBe("a secret");
    expect(living.seal("a secret", "edge-ca").key).toBe(masterKey(current).id);
  });
});

test("a master key that is not 32 bytes is refused", () => {
  expect(() => createSeal(Buffer.from("abc"))).toThrow(SealError);
  expect(() => createSeal(current, [Buffer.from("abc")])).toThrow(SealError);
});
