import { describe, expect, test } from "vitest";
import { createSeal, SealError, sealedSchema } from "./seal.ts";

const masterKey = Buffer.alloc(32, 0x0f);
const seal = createSeal(masterKey);

describe("a sealed secret", () => {
  test("opens with the same key and context, also after a trip through JSON", () => {
    const stored = sealedSchema.parse(JSON.parse(JSON.stringify(seal.seal("schlüssel", "edge-ca"))));
    expect(createSeal(masterKey).open(stored, "edge-ca")).toBe("schlüssel");
  });

  test("shows nothing of the secret or the key, and is never the same twice", () => {
    const first = seal.seal("a secret", "edge-ca");
    const second = seal.seal("a secret", "edge-ca");
    expect(first.ciphertext).not.toBe(second.ciphertext);
    expect(JSON.stringify(first)).not.toContain("a secret");
    expect(masterKey.toString("hex")).not.toContain(first.key);
  });

  test("does not open for another context", () => {
    expect(() => seal.open(seal.seal("a secret", "origin:1"), "origin:2")).toThrow(SealError);
  });

  test("does not open with another key, and says which key it needs", () => {
    const sealed = seal.seal("a secret", "edge-ca");
    expect(() => createSeal(Buffer.alloc(32, 0xf0)).open(sealed, "edge-ca")).toThrow(sealed.key);
  });

  test("does not open when a bit was changed, or the tag cut short", () => {
    const sealed = seal.seal("a secret", "edge-ca");
    const changed = Buffer.from(sealed.ciphertext, "base64").map((byte, index) => (index === 0 ? byte ^ 1 : byte));
    expect(() => seal.open({ ...sealed, ciphertext: Buffer.from(changed).toString("base64") }, "edge-ca")).toThrow(
      SealError,
    );
    const shortTag = Buffer.from(sealed.tag, "base64").subarray(0, 4).toString("base64");
    expect(() => seal.open({ ...sealed, tag: shortTag }, "edge-ca")).toThrow(SealError);
  });
});

test("a master key that is not 32 bytes is refused", () => {
  expect(() => createSeal(Buffer.from("abc"))).toThrow(SealError);
});
