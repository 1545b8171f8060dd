// Certificates that an edge shows to viewers, for tests: a root, an intermediate below it, and whatever leaf a test asks for,
// good or bad. Written byte by byte (X.690, RFC 5280), so that there can be thousands.
import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from "node:crypto";
import type { DesiredCertificate } from "../edge-templates/index.ts";
import type { TestEdge } from "./test-edge.ts";
import type { TestFeed } from "./test-feed.ts";

export interface Leaf {
  readonly type: "ecdsa" | "rsa";
  /** PEM: the leaf and the intermediate. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
  readonly notAfter: Date;
}

export interface LeafWish {
  readonly names: readonly string[];
  readonly type?: Leaf["type"];
  /** From now. */
  readonly fromDays?: number;
  readonly toDays?: number;
  readonly digest?: "sha256" | "sha1";
  readonly rsaBits?: number;
}

export interface ViewersAuthority {
  /** PEM of the root: what viewers trust. */
  readonly root: string;
  issue(wish: LeafWish): Leaf;
}

const DAY_MS = 86_400_000;

export function createViewersAuthority(): ViewersAuthority {
  const [rootKeys, intermediateKeys] = [newKeys("ecdsa"), newKeys("ecdsa")];
  const [from, to] = [new Date(Date.now() - 30 * DAY_MS), new Date(Date.now() + 3000 * DAY_MS)];
  const authority = { from, to, issuer: "Test Root", signer: rootKeys.privateKey, extensions: authorityExtensions() };
  const root = certificate({ ...authority, subject: "Test Root", key: rootKeys.publicKey });
  const intermediate = certificate({ ...authority, subject: "Test Issuer", key: intermediateKeys.publicKey });
  return {
    root,
    issue({ names, type = "ecdsa", fromDays = -1, toDays = 300, digest = "sha256", rsaBits = 2048 }) {
      const keys = newKeys(type, rsaBits);
      const notAfter = new Date(Math.floor((Date.now() + toDays * DAY_MS) / 1000) * 1000);
      const leaf = certificate({
        ...{
          subject: "viewer",
          issuer: "Test Issuer",
          key: keys.publicKey,
          signer: intermediateKeys.privateKey,
          digest,
        },
        ...{ from: new Date(Date.now() + fromDays * DAY_MS), to: notAfter, extensions: leafExtensions(names) },
      });
      const key = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      return { type, chain: leaf + intermediate, key, notAfter };
    },
  };
}

/** A certificate of these leaves as the control plane wants it, and the secrets that it names. */
export function aCertificate(
  fields: Pick<DesiredCertificate, "accountId" | "names"> & Partial<DesiredCertificate>,
  ...leaves: readonly Leaf[]
): { desired: DesiredCertificate; secrets: Readonly<Record<string, string>> } {
  const chains = leaves.map(({ type, chain }) => ({ type, chain, secretId: randomUUID() }));
  const notAfter = new Date(Math.min(...leaves.map((leaf) => leaf.notAfter.getTime())));
  return {
    desired: { id: randomUUID(), notAfter, chains, ...fields },
    secrets: Object.fromEntries(chains.map(({ secretId }, index) => [secretId, leaves[index]?.key ?? ""])),
  };
}

/** Puts it on the edge as the agent does: the secrets first. Returns what was refused. */
export async function show(
  edge: TestEdge,
  feed: TestFeed,
  { desired, secrets }: ReturnType<typeof aCertificate>,
): Promise<string> {
  await keepSecrets(edge, secrets);
  return JSON.stringify((await edge.apply([feed.certificate(desired)])).body);
}

export async function keepSecrets(edge: TestEdge, secrets: Readonly<Record<string, string>>): Promise<void> {
  const { status } = await edge.control("PUT", "/secrets", JSON.stringify(secrets));
  if (status !== 200) throw new Error("the secrets were not taken");
}

function newKeys(type: Leaf["type"], modulusLength = 2048): { publicKey: KeyObject; privateKey: KeyObject } {
  return type === "rsa"
    ? generateKeyPairSync("rsa", { modulusLength })
    : generateKeyPairSync("ec", { namedCurve: "P-256" });
}

interface Content {
  readonly subject: string;
  readonly issuer: string;
  readonly key: KeyObject;
  readonly signer: KeyObject;
  readonly from: Date;
  readonly to: Date;
  readonly extensions: readonly Buffer[];
  readonly digest?: "sha256" | "sha1";
}

function certificate({ digest = "sha256", ...content }: Content): string {
  const algorithm = sequence(oid(digest === "sha256" ? "2a8648ce3d040302" : "2a8648ce3d0401"));
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    // Positive, without a padding that DER forbids.
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    name(content.issuer),
    sequence(time(content.from), time(content.to)),
    name(content.subject),
    content.key.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...content.extensions)),
  );
  const signature = tlv(0x03, Buffer.concat([Buffer.from([0]), sign(digest, body, content.signer)]));
  const base64 = sequence(body, algorithm, signature)
    .toString("base64")
    .replace(/.{1,64}/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`;
}

const CRITICAL = tlv(0x01, Buffer.from([0xff]));

function authorityExtensions(): Buffer[] {
  return [
    extension("551d13", sequence(CRITICAL), CRITICAL),
    // keyCertSign, cRLSign
    extension("551d0f", tlv(0x03, Buffer.from([1, 0x06])), CRITICAL),
  ];
}

function leafExtensions(names: readonly string[]): Buffer[] {
  const revoked = tlv(0xa0, tlv(0xa0, tlv(0x86, Buffer.from("http://crl.test/list.crl"))));
  return [
    // digitalSignature
    extension("551d0f", tlv(0x03, Buffer.from([7, 0x80])), CRITICAL),
    // serverAuth
    extension("551d25", sequence(oid("2b06010505070301"))),
    extension("551d11", sequence(...names.map((one) => tlv(0x82, Buffer.from(one))))),
    extension("551d1f", sequence(sequence(revoked))),
  ];
}

function extension(id: string, value: Buffer, ...critical: readonly Buffer[]): Buffer {
  return sequence(oid(id), ...critical, tlv(0x04, value));
}

function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, ...parts);
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, "hex"));
}

function name(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(oid("550403"), tlv(0x0c, Buffer.from(commonName)))));
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\D/g, "");
  return tlv(0x17, Buffer.from(`${digits.slice(2, 14)}Z`));
}
