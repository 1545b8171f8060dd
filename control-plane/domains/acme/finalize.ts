// The certificate: its key is made and noted before the authority hears of it, so that whoever goes on after a crash has the key
// of what was issued.
import { createPrivateKey, X509Certificate } from "node:crypto";
import acme from "acme-client";
import { CompileRefusal } from "../../../edge-templates/index.ts";
import { inTransaction, type Tx } from "../../database/transaction.ts";
import { findCertificate, storeIssued } from "../certificate/index.ts";
import { notify } from "../notification/index.ts";
import type { AuthorityAccount, AuthorityOrder } from "./authority.ts";
import { type OrderContext, OrderFailure, on, type StepOutcome } from "./context.ts";
import { endOrder } from "./end.ts";
import { type LeasedOrder, updateOrder } from "./order-store.ts";
import { assertStillOwn } from "./ownership.ts";
import { lookUntil } from "./patience.ts";
import { AuthorityRefusal } from "./refusal.ts";
import { planRenewal } from "./renewal.ts";
import { reasonOfRefusal } from "./words.ts";

const RSA_BITS = 2048;
const ISSUING_PATIENCE = { firstMs: 150, longestMs: 10_000, totalMs: 60_000 };
const LATER_MS = 15_000;

export async function finalize(context: OrderContext, given: LeasedOrder, signal: AbortSignal): Promise<StepOutcome> {
  const { db } = context;
  await assertStillOwn(context, given);
  const order = given.csr === null ? await makeKey(context, given) : given;
  const { account } = await context.accounts.open(signal);
  const url = order.orderUrl ?? "";
  const remote = (await account.findOrder(url, signal)).value;
  // A proof ran out meanwhile.
  if (remote.status === "pending") return on(await updateOrder(db, order, { state: "challenging" }));
  if (remote.status === "ready") await account.finalize(remote, order.csr ?? "", signal);
  const issued = await lookUntil(ISSUING_PATIENCE, signal, async () => {
    const certificateUrl = await issuedAt(account, url, signal);
    return typeof certificateUrl === "string" ? { found: certificateUrl } : certificateUrl;
  });
  if (issued === undefined)
    return { next: "later", order, ms: LATER_MS, reason: "The certificate authority is issuing the certificate." };
  return on(await updateOrder(db, order, { state: "downloading", certificateUrl: issued, stumbles: 0 }));
}

async function issuedAt(account: AuthorityAccount, url: string, signal: AbortSignal) {
  const { value: order, retryAfterMs } = await account.findOrder(url, signal);
  if (order.status === "invalid") throw new OrderFailure(reasonOfInvalid(order));
  return order.status === "valid" && order.certificate !== undefined ? order.certificate : { againMs: retryAfterMs };
}

function reasonOfInvalid({ error }: AuthorityOrder): string {
  const body = { type: error?.type ?? "", detail: error?.detail ?? "the order became invalid" };
  return reasonOfRefusal(new AuthorityRefusal(200, { ...body, identifier: undefined, subproblems: [] }, undefined));
}

async function makeKey({ db, seal }: OrderContext, order: LeasedOrder): Promise<LeasedOrder> {
  const isRsa = order.keyType === "rsa";
  const key = isRsa
    ? await acme.crypto.createPrivateRsaKey(RSA_BITS)
    : await acme.crypto.createPrivateEcdsaKey("P-256");
  // Without a common name, which is deprecated, and too short for long names.
  const [, csr] = await acme.crypto.createCsr({ altNames: [...order.names] }, key);
  return updateOrder(db, order, { sealed: seal.seal(key.toString(), contextOf(order)), csr: csr.toString() });
}

function contextOf({ id }: LeasedOrder): string {
  return `acme-order:${id}`;
}

export async function download(context: OrderContext, order: LeasedOrder, signal: AbortSignal): Promise<StepOutcome> {
  const { db, seal, clock } = context;
  const { account } = await context.accounts.open(signal);
  const chain = await account.download(order.certificateUrl ?? "", signal);
  if (order.sealed === null) throw new Error(`the order ${order.id} has lost its key`);
  const privateKey = seal.open(order.sealed, contextOf(order));
  assertFits(chain, privateKey);
  const { certificateId } = order;
  try {
    const ended = await inTransaction(db, async (tx) => {
      const now = clock();
      const stored = await storeIssued(tx, { seal, now }, { certificateId, chain, privateKey });
      if (stored !== undefined) {
        await planRenewal(tx, context, { certificateId, chain, now });
        await tellIssued(tx, certificateId, now);
      }
      return endOrder(tx, order, { state: stored === undefined ? "withdrawn" : "done", now });
    });
    return on(ended);
  } catch (error) {
    if (!(error instanceof CompileRefusal)) throw error;
    throw new OrderFailure(`The certificate authority issued what cannot be served: ${error.message}.`);
  }
}

/** The platform's own has nobody to tell. */
async function tellIssued(tx: Tx, id: string, now: Date): Promise<void> {
  const certificate = await findCertificate(tx, id);
  if (certificate === undefined || certificate.accountId === null) return;
  const { accountId, name, names, notAfter } = certificate;
  await notify(tx, {
    ...{ accountId, event: "certificate.issued", now },
    subject: `The certificate ${name} was issued`,
    text: `The certificate ${name} (${names.join(", ")}) was issued.`,
    data: { certificate_id: id, name, names: [...names], not_after: notAfter?.toISOString() ?? null },
  });
}

function assertFits(chain: string, privateKey: string): void {
  const fits = isPem(chain) && new X509Certificate(chain).checkPrivateKey(createPrivateKey(privateKey));
  if (!fits) throw new OrderFailure("The certificate authority issued a certificate for another key.");
}

function isPem(chain: string): boolean {
  return chain.includes("-----BEGIN CERTIFICATE-----");
}
