// A certificate as a record for edges: its chains, and by which secrets its keys travel. What no edge could show is refused
// here, with the field.
import { X509Certificate } from "node:crypto";
import { z } from "zod";
import type { CertificateBody } from "../agents/contract.ts";
import { type Compiled, canonicalJson, compiled } from "./canonical-json.ts";
import { CompileRefusal, refusalOf } from "./refusal.ts";
import { hostName } from "./texts.ts";

const NAMES_MAX = 100;
const CHAIN_LENGTH_MAX = 10;
const BODY_BYTES_MAX = 64 * 1024;
/** Curves that every viewer takes. */
const CURVES = new Set(["prime256v1", "secp384r1"]);
const RSA_BITS = { min: 2048, max: 4096 };

export interface DesiredCertificate {
  readonly id: string;
  readonly accountId: string;
  /** Canonical (lower case, ASCII); `*.` at the front stands for one label. */
  readonly names: readonly string[];
  /** The earliest end of the chains. */
  readonly notAfter: Date;
  /** At most one of each type. */
  readonly chains: readonly DesiredChain[];
}

export interface DesiredChain {
  readonly type: "ecdsa" | "rsa";
  /** PEM, the leaf first. */
  readonly chain: string;
  /** The secret that holds the leaf's private key, PEM. */
  readonly secretId: string;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const chainSchema = z
  .strictObject({ type: z.enum(["ecdsa", "rsa"]), chain: z.string(), secret: z.uuid() })
  .superRefine(({ type, chain }, { addIssue }) => {
    const message = chainFault(type, chain);
    if (message !== undefined) addIssue({ code: "custom", path: ["chain"], message });
  });

const certificateSchema = z
  .strictObject({
    format: z.literal(1),
    account: z.uuid(),
    names: z.array(hostName).min(1, "a certificate needs a name").max(NAMES_MAX),
    not_after: z.int(),
    chains: z.array(chainSchema).min(1, "a certificate needs a chain").max(2),
  })
  .superRefine(({ names, chains }, { addIssue }) => {
    if (chains.length === 2 && chains[0]?.type === chains[1]?.type)
      addIssue({ code: "custom", path: ["chains"], message: "two of one type" });
    chains.forEach(({ chain }, index) => {
      const [leaf] = certificatesIn(chain);
      const strange = names.find((name) => leaf !== undefined && !isFor(leaf, name));
      if (strange !== undefined)
        addIssue({ code: "custom", path: ["chains", index, "chain"], message: `is not for ${strange}` });
    });
  });

export function compileCertificate({ accountId, names, notAfter, chains }: DesiredCertificate): Compiled {
  const parsed = certificateSchema.safeParse({
    format: 1,
    account: accountId,
    names: [...new Set(names)].sort(),
    not_after: Math.floor(notAfter.getTime() / 1000),
    chains: chains.map(({ type, chain, secretId }) => ({ type, chain, secret: secretId })),
  });
  if (!parsed.success) throw refusalOf(parsed.error);
  const body = canonicalJson(parsed.data satisfies CertificateBody);
  if (Buffer.byteLength(body) > BODY_BYTES_MAX)
    throw new CompileRefusal("chains", `are more than ${BODY_BYTES_MAX} bytes`);
  return compiled(body);
}

function chainFault(type: DesiredChain["type"], chain: string): string | undefined {
  if (chain.replace(PEM, "").trim() !== "") return "must hold certificates in PEM and nothing else";
  const certificates = certificatesIn(chain);
  const [leaf] = certificates;
  if (leaf === undefined) return "must hold a certificate in PEM";
  if (certificates.length > CHAIN_LENGTH_MAX) return `holds more than ${CHAIN_LENGTH_MAX} certificates`;
  return keyFault(type, leaf);
}

function keyFault(type: DesiredChain["type"], { publicKey }: X509Certificate): string | undefined {
  const { namedCurve = "", modulusLength = 0 } = publicKey.asymmetricKeyDetails ?? {};
  if (type === "ecdsa") return CURVES.has(namedCurve) ? undefined : "must be of a key on P-256 or P-384";
  const isFit = publicKey.asymmetricKeyType === "rsa" && modulusLength >= RSA_BITS.min && modulusLength <= RSA_BITS.max;
  return isFit ? undefined : `must be of an RSA key of ${RSA_BITS.min} to ${RSA_BITS.max} bits`;
}

/** None when one of them is damaged. */
function certificatesIn(chain: string): X509Certificate[] {
  try {
    return (chain.match(PEM) ?? []).map((pem) => new X509Certificate(pem));
  } catch {
    return [];
  }
}

/** A wildcard covers any one label, so a label stands for it. */
function isFor(leaf: X509Certificate, name: string): boolean {
  const options = { subject: "never", partialWildcards: false } as const;
  return leaf.checkHost(name.replace(/^\*/, "any"), options) !== undefined;
}
