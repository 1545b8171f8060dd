import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createAuthority, ecKeys, type Made, make, NOW, rsaKeys, type Wish } from "./test-chains.ts";
import { readUpload, type Upload } from "./upload.ts";

const authority = createAuthority();
const { root, intermediate, issue } = authority;
const HOST = "www.example.com";
const shop = issue({ names: [HOST, "*.shop.example.com"] });

/** As its owner has it: the certificate, what the authority sent with it, and the key. */
function uploadOf(leaf: Made, changes: Partial<Upload> = {}): Upload {
  return { certificate: leaf.pem, chain: intermediate.pem + root.pem, private_key: leaf.key, ...changes };
}

function read(upload: Upload) {
  const found = readUpload(upload, { now: NOW, roots: rootCertificates });
  if ("faults" in found) throw new Error(JSON.stringify(found.faults));
  return { ...found, subjects: found.chain.split(/(?=-----BEGIN)/).map((pem) => new X509Certificate(pem).subject) };
}

function faultsOf(upload: Upload): readonly string[] {
  const found = readUpload(upload, { now: NOW, roots: rootCertificates });
  if (!("faults" in found)) throw new Error("it was taken");
  const texts = found.faults.map(({ pointer, detail }) => `${pointer} ${detail}`);
  const [, secret = "nothing of it"] = upload.private_key.split("\n");
  for (const text of texts) expect(text).not.toContain(secret);
  return texts;
}

const leafFaults = (wish: Wish) => faultsOf(uploadOf(issue({ names: [HOST], ...wish })));

test("a certificate with its authority's is read: names, times, issuer, and a chain without the root", () => {
  const { subjects, facts, privateKey } = read(uploadOf(shop));
  expect(subjects).toEqual([`CN=${HOST}`, "CN=Example R1"]);
  expect(facts).toEqual({
    ...{ names: ["*.shop.example.com", HOST], keyType: "ecdsa", issuer: "Example R1", serial: "0a0b0c0d" },
    fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    notBefore: new Date("2027-01-01T00:00:00Z"),
    notAfter: new Date("2027-12-31T00:00:00Z"),
  });
  expect(privateKey).toBe(shop.key);
});

test.each([
  ["all in one field", { certificate: shop.pem + intermediate.pem + root.pem, chain: undefined }],
  ["the wrong order", { certificate: root.pem + intermediate.pem + shop.pem, chain: undefined }],
  ["the fields exchanged", { certificate: intermediate.pem + root.pem, chain: shop.pem }],
  ["twice the same", { chain: intermediate.pem + intermediate.pem + root.pem + shop.pem }],
  ["strangers beside it", { chain: createAuthority("Other").root.pem + intermediate.pem + root.pem }],
  ["text around it", { certificate: `subject=CN = ${HOST}\n${shop.pem}\ntrailing` }],
  ["line ends of Windows and blanks", { certificate: shop.pem.replaceAll("\n", "  \r\n") }],
])("it is put in order when it comes with %s", (_, changes) => {
  expect(read(uploadOf(shop, changes)).subjects).toEqual([`CN=${HOST}`, "CN=Example R1"]);
});

test("keys come in any form that OpenSSL writes", () => {
  const { privateKey } = shop.keys;
  const sec1 = privateKey.export({ type: "sec1", format: "pem" }).toString();
  const parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  expect(read(uploadOf(shop, { private_key: parameters + sec1 })).privateKey).toBe(shop.key);
  const rsa = issue({ names: [HOST], keys: rsaKeys(2048) });
  const pkcs1 = rsa.keys.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  expect(read(uploadOf(rsa, { private_key: pkcs1 }))).toMatchObject({ privateKey: rsa.key, facts: { keyType: "rsa" } });
});

test("one that signed itself is taken, also where a tool called it an authority", () => {
  const own = make({ names: [HOST] });
  expect(read({ certificate: own.pem, private_key: own.key }).subjects).toEqual([`CN=${HOST}`]);
  const called = make({ names: [HOST], isAuthority: true });
  expect(read({ certificate: called.pem, private_key: called.key }).subjects).toEqual([`CN=${HOST}`]);
});

test("one without a subject is known by its name", () => {
  const bare = issue({ names: [HOST], subject: undefined });
  expect(read(uploadOf(bare)).facts.names).toEqual([HOST]);
  expect(faultsOf(uploadOf(bare, { chain: undefined }))[0]).toContain(`which issued "${HOST}"`);
});

test("a missing certificate of the authority is named, and where it lies", () => {
  expect(faultsOf(uploadOf(shop, { chain: undefined }))).toEqual([
    `/chain lacks the certificate of "Example R1", which issued "${HOST}": append it (the authority has it on its pages). ` +
      "With an authority of your own, end the chain with its root.",
  ]);
  expect(faultsOf(uploadOf(shop, { chain: intermediate.pem }))[0]).toContain(
    '/chain lacks the certificate of "Example Root", which issued "Example R1"',
  );
  const told = issue({ names: [HOST], extensions: [issuerAt("http://r1.example.net/r1.der")] });
  expect(faultsOf(uploadOf(told, { chain: undefined }))[0]).toContain(
    "append it (it is at http://r1.example.net/r1.der)",
  );
});

/** RFC 5280 §4.2.2.1: one AccessDescription, caIssuers. */
function issuerAt(url: string): object {
  const uri = Buffer.concat([Buffer.from([0x86, url.length]), Buffer.from(url)]);
  const oid = Buffer.from("06082b06010505073002", "hex");
  const one = Buffer.concat([Buffer.from([0x30, oid.length + uri.length]), oid, uri]);
  return { id: "1.3.6.1.5.5.7.1.1", value: Buffer.concat([Buffer.from([0x30, one.length]), one]).toString("binary") };
}

test("the root of an authority that viewers know need not be sent, nor is it sent to them", () => {
  const circumstances = { now: NOW, roots: [root.pem] };
  const found = readUpload(uploadOf(shop, { chain: intermediate.pem }), circumstances);
  expect(found).toEqual(readUpload(uploadOf(shop), circumstances));
  const direct = make({ names: [HOST], issuer: root });
  expect(readUpload(uploadOf(direct, { chain: undefined }), circumstances)).toHaveProperty("facts");
});

test("an authority of the same name that did not sign it is not its authority", () => {
  const impostor = make({ subject: "Example R1", isAuthority: true });
  expect(faultsOf(uploadOf(shop, { chain: impostor.pem }))[0]).toContain('lacks the certificate of "Example R1"');
});

test.each<[string, Wish, string]>([
  ["has expired", { to: new Date("2027-05-31T00:00:00Z") }, "/certificate expired on 2027-05-31T00:00:00.000Z: send"],
  [
    "does not hold yet",
    { from: new Date("2027-06-02T00:00:00Z") },
    "/certificate holds from 2027-06-02T00:00:00.000Z on",
  ],
  [
    "has a weak RSA key",
    { keys: rsaKeys(1024) },
    "/certificate has an RSA key of 1024 bits, which viewers refuse: make",
  ],
  [
    "has an odd curve",
    { keys: ecKeys("secp256k1") },
    "/certificate has a key on secp256k1, which not every viewer takes",
  ],
  ["has a large curve", { keys: ecKeys("secp521r1") }, "/certificate has a key on secp521r1"],
  ["has a strange key", { keys: generateKeyPairSync("ed25519") }, "/certificate has a key of the type ed25519"],
  ["is signed with SHA-1", { digest: "sha1" }, "/certificate is signed with SHA-1, which viewers refuse"],
  ["is an authority's", { isAuthority: true }, "/certificate is an authority's own certificate: send the one"],
  ["names nothing", { names: [], subject: HOST }, "/certificate names no host in its subjectAltName, where alone"],
  ["is for clients", { extensions: [{ name: "extKeyUsage", clientAuth: true }] }, "/certificate is not for servers"],
  [
    "must be stapled",
    { extensions: [{ id: "1.3.6.1.5.5.7.1.24", value: Buffer.from("3003020105", "hex").toString("binary") }] },
    "/certificate demands a stapled OCSP answer",
  ],
  [
    "has too many names",
    { names: Array.from({ length: 101 }, (_, n) => `h${n}.example.com`) },
    "/certificate is for 101 names",
  ],
])("one that %s is refused, and the cure named", (_, wish, expected) => {
  const faults = leafFaults(wish);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain(expected);
});

test("MD5 is refused too, and several faults are told at once", () => {
  const rsaRoot = make({ subject: "RSA Root", isAuthority: true, keys: rsaKeys(2048) });
  const leaf = make({ names: [HOST], issuer: rsaRoot, digest: "md5", to: new Date("2027-02-01T00:00:00Z") });
  const faults = faultsOf(uploadOf(leaf, { chain: rsaRoot.pem }));
  expect(faults).toHaveLength(2);
  expect(faults[1]).toContain("is signed with MD5");
});

test("an authority's certificate that viewers would refuse is named, with what is wrong with it", () => {
  const chainOf = (wish: Wish) => {
    const weak = make({ subject: "Weak R1", issuer: root, isAuthority: true, ...wish });
    return faultsOf(uploadOf(make({ names: [HOST], issuer: weak }), { chain: weak.pem + root.pem }));
  };
  expect(chainOf({ to: new Date("2027-03-01T00:00:00Z") })[0]).toContain(
    '/chain has the certificate of "Weak R1", which expired on 2027-03-01T00:00:00.000Z',
  );
  expect(chainOf({ digest: "sha1" })[0]).toContain('"Weak R1", which is signed with SHA-1');
  expect(chainOf({ keys: rsaKeys(1024) })[0]).toContain('"Weak R1", which has an RSA key of 1024 bits only');
  expect(chainOf({ isAuthority: false })[0]).toContain('"Weak R1", which is no authority\'s');
});

const pkcs8 = (keys = ecKeys()) => keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const encrypted = { cipher: "aes-256-cbc", passphrase: "secret" };

test.each([
  ["another's", pkcs8(), `is not the key of the certificate ("${HOST}"): send the one`],
  [
    "encrypted",
    shop.keys.privateKey.export({ type: "pkcs8", format: "pem", ...encrypted }).toString(),
    "is encrypted: send it without a passphrase",
  ],
  [
    "encrypted in the old way",
    shop.keys.privateKey.export({ type: "sec1", format: "pem", ...encrypted }).toString(),
    "is encrypted",
  ],
  ["public", shop.keys.publicKey.export({ type: "spki", format: "pem" }).toString(), "is a public key"],
  ["a certificate", shop.pem, "is a certificate: send the private key"],
  ["two", pkcs8() + shop.key, "holds 2 keys: send the one"],
  ["cut off", shop.key.slice(0, 60), "is cut off: it must end with a line -----END PRIVATE KEY-----"],
  ["damaged", shop.key.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA"), "is damaged: copy it again"],
  ["on one line", shop.key.replaceAll("\n", "\\n"), "has its line ends written out as \\n"],
  [
    "of OpenSSH",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n-----END OPENSSH PRIVATE KEY-----",
    "is in OpenSSH's own format",
  ],
  ["junk", "hunter2", "must be PEM: lines from -----BEGIN PRIVATE KEY-----"],
  ["nothing", "", "must be PEM"],
])("a key that is %s is refused, and nothing of it told", (_, key, expected) => {
  const faults = faultsOf(uploadOf(shop, { private_key: key }));
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain(`/private_key ${expected}`);
});

test.each<[string, Partial<Upload>, string]>([
  ["junk", { certificate: "MIIB" }, "/certificate must be PEM: lines from -----BEGIN CERTIFICATE-----"],
  [
    "a request",
    { certificate: shop.pem.replaceAll("CERTIFICATE", "CERTIFICATE REQUEST") },
    "/certificate holds a request for a certificate",
  ],
  ["PKCS#7", { certificate: shop.pem.replaceAll("CERTIFICATE", "PKCS7") }, "/certificate is PKCS#7: `openssl pkcs7"],
  [
    "a private key with it",
    { certificate: shop.pem + shop.key },
    "/certificate holds a private key: that belongs into private_key alone",
  ],
  [
    "a damaged one",
    { certificate: shop.pem.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA") },
    "/certificate is damaged in its certificate number 1",
  ],
  [
    "a damaged chain",
    { chain: intermediate.pem + root.pem.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA") },
    "/chain is damaged in its certificate number 2",
  ],
  ["an empty chain", { chain: "" }, "/chain must be PEM"],
  ["eleven", { chain: intermediate.pem.repeat(11) }, "/chain holds more than 10 certificates"],
  [
    "eleven in two fields",
    { certificate: shop.pem.repeat(5), chain: intermediate.pem.repeat(6) },
    "/chain makes more than 10",
  ],
])("a certificate field with %s is refused", (_, changes, expected) => {
  expect(faultsOf(uploadOf(shop, changes))[0]).toContain(expected);
});

test("text that is made to take long is read in one go", () => {
  const begins = "-----BEGIN CERTIFICATE-----\n".repeat(2300);
  expect(faultsOf(uploadOf(shop, { certificate: begins, private_key: begins }))).toHaveLength(2);
  const nested = Buffer.from(`${"3080".repeat(15_000)}`, "hex").toString("base64");
  const deep = `-----BEGIN CERTIFICATE-----\n${nested}\n-----END CERTIFICATE-----\n`;
  expect(faultsOf(uploadOf(shop, { certificate: deep }))[0]).toContain("is damaged");
});

test("a key whose private half was bent is refused, though its public half fits", () => {
  // The scalar stands behind 36 bytes of PKCS#8 and SEC 1.
  const key = bent(shop.key, [{ at: 50, bits: 1 }]);
  expect(new X509Certificate(shop.pem).checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(faultsOf(uploadOf(shop, { private_key: key }))).toEqual([
    "/private_key is damaged: copy it again, with all of its lines.",
  ]);
});

test("whatever is bent in a certificate or a key, it is read or refused, and never a defect", () => {
  const parts = { certificate: shop.pem, chain: intermediate.pem + root.pem, private_key: shop.key } as const;
  const property = fc.property(
    fc.constantFrom("certificate", "chain", "private_key"),
    fc.array(fc.record({ at: fc.nat(2000), bits: fc.integer({ min: 1, max: 255 }) }), { minLength: 1, maxLength: 3 }),
    (field, bends) => {
      const upload = { ...parts, [field]: bent(parts[field], bends) };
      const found = readUpload(upload, { now: NOW, roots: [] });
      if ("faults" in found) expect(found.faults.length).toBeGreaterThan(0);
      else expect(found.facts.names).not.toEqual([]);
    },
  );
  fc.assert(property, { numRuns: 1000 });
});

/** The same PEM with some bytes of its DER changed. */
function bent(pem: string, bends: readonly { at: number; bits: number }[]): string {
  const [, label = "", base64 = ""] = /-----BEGIN ([A-Z ]+)-----([^-]+)-----END/.exec(pem) ?? [];
  const der = Buffer.from(base64, "base64");
  for (const { at, bits } of bends) der.writeUInt8(der.readUInt8(at % der.length) ^ bits, at % der.length);
  const rest = pem.slice(pem.indexOf("-----END") + `-----END ${label}-----\n`.length);
  return `-----BEGIN ${label}-----\n${der.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n${rest}`;
}
