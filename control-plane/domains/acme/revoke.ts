// Taking a certificate back (RFC 8555 §7.6). The job comes again until the authority has answered.
import { findCertificate, type Revocation } from "../certificate/index.ts";
import type { OrderContext } from "./context.ts";
import { AuthorityRefusal, kindOf, meaningOf } from "./refusal.ts";
import { forgetCertificate } from "./request.ts";

/** RFC 5280 §5.3.1. */
const REASON_CODES: Readonly<Record<Revocation["reason"], number>> = {
  unspecified: 0,
  key_compromise: 1,
  superseded: 4,
  cessation_of_operation: 5,
};

/** This leaf: by now the certificate may have another, which stays. */
export async function revokeCertificate(
  context: OrderContext,
  { id, revoke }: { id: string; revoke: Revocation },
  signal: AbortSignal,
): Promise<void> {
  const { db, accounts, log } = context;
  const certificate = await findCertificate(db, id);
  const isWanted = certificate !== undefined && certificate.deletedAt === null && certificate.status !== "revoked";
  if (!isWanted) await forgetCertificate(context, id);
  try {
    const { account } = await accounts.open(signal);
    await account.revoke(revoke.leaf, REASON_CODES[revoke.reason], signal);
    log.info({ certificate_id: id, reason: revoke.reason }, "a certificate was revoked");
  } catch (error) {
    if (!(error instanceof AuthorityRefusal)) throw error;
    if (kindOf(error.body) === "alreadyRevoked") return;
    const meaning = meaningOf(error);
    if (meaning === "account") await accounts.forget();
    if (meaning === "account" || meaning === "passing") throw error;
    // It did not issue this one, or has forgotten that it did: nobody else can take it back.
    log.warn({ error, certificate_id: id }, "an authority does not revoke a certificate");
  }
}
