// What the compiler lets through as a certificate, and where it says no.
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { certificateBodySchema } from "../agents/contract.ts";
import { aCertificate, createViewersAuthority, type Leaf } from "../openresty/test-certificates.ts";
import { compileCertificate, type DesiredCertificate } from "./index.ts";

const { issue } = createViewersAuthority();
const names = ["b.test", "*.a.test"];
const [ecdsa, rsa] = [issue({ names, toDays: 90 }), issue({ names, type: "rsa", toDays: 60 })];
const accountId = randomUUID();
const desire = (...leaves: readonly Leaf[]) => aCertificate({ accountId, names }, ...leaves).desired;

test("a certificate is its names, its chains and the secrets of their keys", () => {
  const desired = desire(ecdsa, rsa);
  const body = certificateBodySchema.parse(JSON.parse(compileCertificate(desired).body));
  expect(body).toEqual({
    format: 1,
    account: accountId,
    names: ["*.a.test", "b.test"],
    not_after: rsa.notAfter.getTime() / 1000,
    chains: [
      { type: "ecdsa", chain: ecdsa.chain, secret: desired.chains[0]?.secretId },
      { type: "rsa", chain: rsa.chain, secret: desired.chains[1]?.secretId },
    ],
  });
  expect(JSON.stringify(body)).not.toContain("PRIVATE");
});

test("the same certificate compiles to the same bytes", () => {
  const desired = desire(ecdsa);
  const other = { ...desired, names: [...desired.names].reverse() };
  expect(compileCertificate(other)).toEqual(compileCertificate(desired));
});

const weak = issue({ names, type: "rsa", rsaBits: 1024 });
const refused: readonly [string, Partial<DesiredCertificate>, string][] = [
  ["no name", { names: [] }, "names"],
  ["a name that is none", { names: ["b.test", "a b"] }, "names/0"],
  ["a name in upper case", { names: ["B.test"] }, "names/0"],
  ["a name that it is not for", { names: ["c.test"] }, "chains/0/chain"],
  ["a name below its wildcard's", { names: ["b.b.a.test"] }, "chains/0/chain"],
  ["101 names", { names: Array.from({ length: 101 }, (_, index) => `n${index}.a.test`) }, "names"],
  ["no chain", { chains: [] }, "chains"],
  ["two of a type", { chains: desire(ecdsa, ecdsa).chains }, "chains"],
  ["another type", { chains: desire({ ...ecdsa, type: "rsa" }).chains }, "chains/0/chain"],
  ["a weak key", { chains: desire(weak).chains }, "chains/0/chain"],
  [
    "a damaged chain",
    { chains: desire({ ...ecdsa, chain: ecdsa.chain.replace("MII", "AII") }).chains },
    "chains/0/chain",
  ],
  ["its key in the chain", { chains: desire({ ...ecdsa, chain: ecdsa.chain + ecdsa.key }).chains }, "chains/0/chain"],
  ["an endless chain", { chains: desire({ ...ecdsa, chain: ecdsa.chain.repeat(6) }).chains }, "chains/0/chain"],
];
test.each(refused)("with %s it is refused", (_, fields, field) => {
  expect(() => compileCertificate({ ...desire(ecdsa), ...fields })).toThrow(
    expect.objectContaining({ name: "CompileRefusal", field }),
  );
});
