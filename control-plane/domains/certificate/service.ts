// Takes certificates from customers: uploaded, or got from the authority. What is wrong with one is said before it is kept;
// what they ask out of turn is on-demand.ts.
import { randomUUID } from "node:crypto";
import { rootCertificates } from "node:tls";
import { CompileRefusal } from "../../../edge-templates/index.ts";
import { type FieldFault, Problem } from "../../../platform/problem.ts";
import type { Seal } from "../../../platform/seal.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { assertAccountLives } from "../account/index.ts";
import { createAutomatic, recordCertificate, removeCertificate } from "./attached.ts";
import { replaceChain } from "./issuance.ts";
import { covers } from "./names.ts";
import { createOnDemand } from "./on-demand.ts";
import { owned } from "./owned.ts";
import { certificateAutomatic, certificateInUse, tooManyCertificates } from "./problems.ts";
import { findUsers, makeUsersStale } from "./read-model.ts";
import type { CreateCertificateInput, ListCertificatesQuery, PatchCertificateInput } from "./schema.ts";
import {
  type CertificateRecord,
  countCertificates,
  findCertificate,
  findCertificatesOfAccount,
  insertCertificate,
  type ListedCertificate,
  lockCertificate,
  updateCertificate,
} from "./store.ts";
import { type ReadUpload, readUpload, type Upload } from "./upload.ts";

export type CertificateService = ReturnType<typeof createCertificateService>;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
export type AssertUnchanged = (current: CertificateRecord) => void;
const whateverItIs: AssertUnchanged = () => {};

const PER_ACCOUNT_MAX = 5_000;
const USERS_TOLD_MAX = 5;
const USERS_LOOKED_AT_MAX = 10_000;

export interface CertificateSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly seal: Seal;
  /** The host in lower-case ASCII, or what is wrong with it. */
  readonly canonicalName: (text: string) => string | { readonly fault: string };
  /** Whether another account is served under the name, which it would have to lose first. */
  readonly isServedForAnother: (reads: Reads, name: { accountId: string; name: string }) => Promise<boolean>;
}

export function createCertificateService(settings: CertificateSettings) {
  const { db, clock, seal } = settings;

  async function create(caller: Caller, input: CreateCertificateInput): Promise<CertificateRecord> {
    const { domains, certificate, private_key: privateKey, chain } = input;
    if (input.automatic) return order(caller, input, domains ?? []);
    return keep(caller, input.name, { certificate: certificate ?? "", private_key: privateKey ?? "", chain });
  }

  async function order(
    caller: Caller,
    { name, key_type: keyType = "ecdsa" }: CreateCertificateInput,
    domains: readonly string[],
  ): Promise<CertificateRecord> {
    const names = await orderedNames(caller, domains);
    return inTransaction(db, async (tx) => {
      await assertRoom(tx, caller.accountId);
      const wish = { name: name ?? names[0] ?? "", names, keyType, waitsFor: null, now: clock() };
      return createAutomatic(tx, caller, wish);
    });
  }

  /** Each once, in the order in which they were given; all faults at once. */
  async function orderedNames({ accountId }: Caller, domains: readonly string[]): Promise<readonly string[]> {
    const faults: FieldFault[] = [];
    const names = new Set<string>();
    for (const [index, domain] of domains.entries()) {
      const name = settings.canonicalName(domain);
      const fault = typeof name === "string" ? await claimFault(accountId, name) : name.fault;
      if (typeof name === "string") names.add(name);
      if (fault !== undefined) faults.push({ pointer: `/domains/${index}`, detail: fault });
    }
    if (faults.length > 0) throw invalidRequest(faults);
    return [...names];
  }

  async function claimFault(accountId: string, name: string): Promise<string | undefined> {
    if (!(await settings.isServedForAnother(db, { accountId, name }))) return undefined;
    return (
      "is served for another account. Make a distribution for it and prove by DNS that it is yours " +
      "(POST /api/v1/distributions/{id}/validate says how); then it can be asked for."
    );
  }

  async function keep(caller: Caller, name: string | undefined, upload: Upload): Promise<CertificateRecord> {
    const now = clock();
    const read = checked(upload, now);
    return inTransaction(db, async (tx) => {
      await assertRoom(tx, caller.accountId);
      const record = newUploaded(caller, { name: name ?? read.facts.names[0] ?? "", read, now });
      await insertCertificate(tx, record);
      return write(tx, caller, record, { read, action: "certificate.create", now });
    });
  }

  async function write(
    tx: Tx,
    caller: Caller,
    before: CertificateRecord,
    { read, action, now }: { read: ReadUpload; action: string; now: Date },
  ): Promise<CertificateRecord> {
    const { facts, chain, privateKey } = read;
    try {
      await replaceChain(tx, { seal, now }, before, { ...facts, chain, privateKey });
    } catch (error) {
      if (!(error instanceof CompileRefusal)) throw error;
      throw invalidRequest([{ pointer: "/certificate", detail: `cannot be shown by edges: ${error.message}.` }], error);
    }
    const after = owned(await findCertificate(tx, before.id), caller);
    const isNew = before.version === 0;
    await recordCertificate(tx, caller, action, { before: isNew ? undefined : before, after }, [KEY_SET]);
    return after;
  }

  async function get(caller: Pick<Caller, "accountId">, id: string): Promise<CertificateRecord> {
    return owned(await findCertificate(db, id), caller);
  }

  function list({ accountId }: Caller, asked: ListCertificatesQuery): Promise<readonly ListedCertificate[]> {
    return findCertificatesOfAccount(db, accountId, asked);
  }

  /** Another chain under the same id: whatever is served with it shows that one within a second. */
  async function update(
    caller: Caller,
    id: string,
    { name, certificate, private_key: privateKey, chain }: PatchCertificateInput,
    assertUnchanged: AssertUnchanged = whateverItIs,
  ): Promise<CertificateRecord> {
    const now = clock();
    const isUpload = certificate !== undefined && privateKey !== undefined;
    const read = isUpload ? checked({ certificate, private_key: privateKey, chain }, now) : undefined;
    return inTransaction(db, async (tx) => {
      const before = owned(await lockCertificate(tx, id), caller);
      assertUnchanged(before);
      if (read !== undefined) {
        assertUploaded(before);
        await assertStillCovered(tx, before, read);
      }
      const renamed = { ...before, name: name ?? before.name };
      await updateCertificate(tx, id, { name: renamed.name, updatedBy: caller.userId, updatedAt: now });
      await makeUsersStale(tx, id);
      const action = "certificate.update";
      if (read !== undefined) return write(tx, caller, before, { read, action, now });
      await recordCertificate(tx, caller, action, { before, after: renamed });
      return owned(await findCertificate(tx, id), caller);
    });
  }

  async function remove(caller: Caller, id: string, assertUnchanged: AssertUnchanged = whateverItIs): Promise<void> {
    await inTransaction(db, async (tx) => {
      const record = owned(await lockCertificate(tx, id), caller);
      assertUnchanged(record);
      const users = await findUsers(tx, id, USERS_TOLD_MAX + 1);
      if (users.length > 0) throw new Problem(certificateInUse, inUse(users.map(({ domain }) => domain)));
      await removeCertificate(tx, caller, record, clock());
    });
  }

  return { create, get, list, update, remove, ...createOnDemand(settings) };
}

const KEY_SET = { pointer: "/private_key", after: "(set)" };

function checked(upload: Upload, now: Date): ReadUpload {
  const read = readUpload(upload, { now, roots: rootCertificates });
  if ("faults" in read) throw invalidRequest(read.faults);
  return read;
}

function newUploaded(
  { accountId, userId }: Caller,
  { name, read, now }: { name: string; read: ReadUpload; now: Date },
): CertificateRecord {
  const { names, keyType } = read.facts;
  return {
    ...{ id: randomUUID(), accountId, name, names, keyType, isAutomatic: false },
    ...{ status: "pending", statusReason: null },
    ...{ chain: null, keySecretId: null, serial: null, fingerprint: null, issuer: null, notBefore: null },
    ...{ notAfter: null, version: 0, renewAt: null, askedAt: null, revocation: null, deletedAt: null },
    ...{ createdBy: userId, updatedBy: userId, createdAt: now, updatedAt: now },
  };
}

function assertUploaded({ isAutomatic }: CertificateRecord): void {
  if (!isAutomatic) return;
  throw new Problem(certificateAutomatic, "It is got and renewed by itself: upload yours as another certificate.");
}

async function assertRoom(tx: Tx, accountId: string): Promise<void> {
  await assertAccountLives(tx, accountId);
  if ((await countCertificates(tx, accountId)) < PER_ACCOUNT_MAX) return;
  throw new Problem(tooManyCertificates, `An account may have ${PER_ACCOUNT_MAX}: delete one that nothing uses.`);
}

function inUse(domains: readonly string[]): string {
  const some = domains.slice(0, USERS_TOLD_MAX).join(", ");
  const more = domains.length > USERS_TOLD_MAX ? " and others" : "";
  return `${some}${more}: give them another certificate_id first, and wait until that one is issued.`;
}

/** A host that loses its certificate by this would be served with a stranger's. */
async function assertStillCovered(tx: Tx, { id }: CertificateRecord, { facts }: ReadUpload): Promise<void> {
  const users = await findUsers(tx, id, USERS_LOOKED_AT_MAX);
  const lost = users.filter(({ domain }) => !covers(facts.names, domain)).map(({ domain }) => domain);
  if (lost.length === 0) return;
  const some = lost.slice(0, USERS_TOLD_MAX).join(", ");
  const detail = `does not cover ${some}, served with the present one: give them another certificate first.`;
  throw invalidRequest([{ pointer: "/certificate", detail }]);
}
