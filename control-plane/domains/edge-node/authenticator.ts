// Who is the agent that asks? A short JWT signed with the agent's own key, whose certificate comes along and must be of
// our authority and still the node's. Every poll passes here, so verified certificates are remembered.
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { decodeProtectedHeader, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { EDGE_TOKEN_AUDIENCE } from "../../../agents/contract.ts";
import type { Database } from "../../database/transaction.ts";
import type { EdgeCaller } from "../../http/caller.ts";
import { unauthorized } from "../../http/problems.ts";
import { type EdgeAuthority, edgeUri } from "./authority.ts";
import { findCertificateHolder } from "./identity-store.ts";

const TOKEN_AGE_MAX_S = 60;
const CLOCK_TOLERANCE_S = 5;
const TOKEN_CHARS_MAX = 8192;
const CERTIFICATES_MAX = 10_000;
/** No longer, even when nothing is known to have changed: a certificate has a last moment. */
const HOLDER_TTL_MS = 10_000;

const headerSchema = z.object({ alg: z.literal("RS256"), x5c: z.tuple([z.base64()]) });
const SAN_PATTERN = /^URI:urn:edgewright:edge:([0-9a-f-]{36})(?:, DNS:[a-z0-9.-]+)?$/;

interface VerifiedCertificate {
  readonly edgeId: string;
  readonly serial: string;
  readonly key: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export type EdgeAuthenticator = (request: { header(name: string): string | undefined }) => Promise<EdgeCaller>;

export function createEdgeAuthenticator(settings: {
  db: Database;
  authority: EdgeAuthority;
  clock: () => Date;
  /** Changes when any edge's certificate does; undefined: nothing may be kept now. */
  stampOf?: () => number | undefined;
}): EdgeAuthenticator {
  const { db, authority, clock, stampOf = () => undefined } = settings;
  const certificates = new LRUCache<string, VerifiedCertificate>({ max: CERTIFICATES_MAX });
  const holders = new LRUCache<string, { caller: EdgeCaller; stamp: number }>({
    max: CERTIFICATES_MAX,
    ttl: HOLDER_TTL_MS,
  });

  async function verifiedCertificate(base64: string): Promise<VerifiedCertificate> {
    const fingerprint = createHash("sha256").update(base64).digest("base64");
    const known = certificates.get(fingerprint);
    if (known !== undefined) return known;
    const verified = verifyCertificate(base64, (await authority()).certificate);
    certificates.set(fingerprint, verified);
    return verified;
  }

  async function holderOf(certificate: VerifiedCertificate, now: Date): Promise<EdgeCaller> {
    const stamp = stampOf();
    const known = stamp === undefined ? undefined : holders.get(certificate.serial);
    if (known !== undefined && known.stamp === stamp) return known.caller;
    const holder = await findCertificateHolder(db, certificate.serial, now);
    if (holder?.edgeId !== certificate.edgeId) throw unauthorized("This certificate is no longer the edge's.");
    const caller = { edgeId: holder.edgeId, scope: holder.groupId };
    if (stamp !== undefined) holders.set(certificate.serial, { caller, stamp });
    return caller;
  }

  return async function authenticateEdge(request) {
    const now = clock();
    const token = bearerToken(request.header("authorization"));
    const certificate = await verifiedCertificate(readHeader(token).x5c[0]);
    if (now.getTime() < certificate.notBeforeMs || now.getTime() >= certificate.notAfterMs) {
      throw unauthorized("The edge's certificate is not valid now.");
    }
    await verifyToken(token, certificate, now);
    return holderOf(certificate, now);
  };
}

function bearerToken(header: string | undefined): string {
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header ?? "")?.[1];
  if (token === undefined || token.length > TOKEN_CHARS_MAX) {
    throw unauthorized("An edge shows a JWT as Bearer token.");
  }
  return token;
}

function readHeader(token: string): z.output<typeof headerSchema> {
  try {
    return headerSchema.parse(decodeProtectedHeader(token));
  } catch (error) {
    throw refused("The token must be signed RS256 and carry the edge's certificate as x5c.", error);
  }
}

function verifyCertificate(base64: string, ca: X509Certificate): VerifiedCertificate {
  const certificate = parseCertificate(base64);
  if (certificate.ca || !certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) {
    throw unauthorized("The certificate is not of this platform's authority.");
  }
  const edgeId = SAN_PATTERN.exec(certificate.subjectAltName ?? "")?.[1];
  if (edgeId === undefined) throw unauthorized(`The certificate names no edge (${edgeUri("…")}).`);
  return {
    edgeId,
    serial: certificate.serialNumber.toLowerCase(),
    key: certificate.publicKey,
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
  };
}

function parseCertificate(base64: string): X509Certificate {
  try {
    return new X509Certificate(Buffer.from(base64, "base64"));
  } catch (error) {
    throw refused("x5c is not a certificate.", error);
  }
}

async function verifyToken(token: string, certificate: VerifiedCertificate, now: Date): Promise<void> {
  try {
    await jwtVerify(token, certificate.key, {
      algorithms: ["RS256"],
      audience: EDGE_TOKEN_AUDIENCE,
      subject: certificate.edgeId,
      maxTokenAge: TOKEN_AGE_MAX_S,
      requiredClaims: ["exp", "iat"],
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: now,
    });
  } catch (error) {
    throw refused("The token is not fresh, not for this platform or not signed by the certificate's key.", error);
  }
}

/** A 401 that remembers why, for the log. */
function refused(detail: string, cause: unknown): Error {
  const problem = unauthorized(detail);
  problem.cause = cause;
  return problem;
}
