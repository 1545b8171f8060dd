// draft-ietf-httpapi-idempotency-key-header: a request that is sent again with its key gets the first answer again. The
// key, the change and the answer are one transaction, so no crash can part them; what fails leaves no key behind, and is
// tried afresh.
import { createHash } from "node:crypto";
import pLimit from "p-limit";
import { z } from "zod";
import { Problem } from "../../platform/problem.ts";
import type { Seal } from "../../platform/seal.ts";
import { type Database, inUnitOfWork, type Tx } from "../database/transaction.ts";
import type { AnyCaller } from "./authorize.ts";
import type { RequestFacts } from "./define-route.ts";
import { claimKey, findAnswer, type KeyName, keepAnswer } from "./idempotency-store.ts";
import { idempotencyKeyInUse, idempotencyKeyReused, invalidRequest } from "./problems.ts";
import type { CheckedReply } from "./send-reply.ts";

export interface KeyedRequest extends KeyName {
  /** Of method, path and body. */
  readonly fingerprint: string;
}

export interface Idempotency {
  /** Runs the request, or answers what it was answered before. */
  once(request: KeyedRequest, run: () => Promise<CheckedReply>): Promise<{ reply: CheckedReply; isReplay: boolean }>;
}

const KEY = /^[\x21-\x7e]{1,255}$/;
const RETRY_AFTER_S = 2;
/** Postgres: a statement waited for a lock as long as it may. */
const GAVE_UP_WAITING = new Set(["55P03", "57014"]);

/** The key as the client sent it, if any. */
export function idempotencyKeyOf(facts: Pick<RequestFacts, "header">): string | undefined {
  const key = facts.header("idempotency-key");
  if (key === undefined || KEY.test(key)) return key;
  const detail = "must be 1 to 255 visible ASCII characters, without spaces.";
  throw invalidRequest([{ pointer: "Idempotency-Key", detail }]);
}

/** A key is a name of its caller's own, and a caller of several accounts is several. */
export function callerNameOf(caller: AnyCaller): string {
  if ("edgeId" in caller) return caller.edgeId;
  const accountId = "accountId" in caller ? caller.accountId : "";
  return [caller.userId, accountId, caller.apiTokenId ?? ""].join("/");
}

/** The body as JSON: spaces between its fields are no difference. */
export function fingerprintOf(method: string, url: string, body: unknown): string {
  return createHash("sha256")
    .update(`${method} ${url}\n${JSON.stringify(body ?? null)}`)
    .digest("base64url");
}

/**
 * `transactionsMax`: how many may be open at once in this process. Fewer than the pool has connections, since the work may
 * read on another one meanwhile.
 */
export function createIdempotency(settings: { db: Database; seal: Seal; transactionsMax: number }): Idempotency {
  const { db, seal } = settings;
  const bounded = pLimit(settings.transactionsMax);
  // Twins wait for each other here, without a connection; those in other processes wait in the database.
  const running = new Map<string, Promise<void>>();

  async function runOrReplay(tx: Tx, request: KeyedRequest, run: () => Promise<CheckedReply>) {
    if (await claim(tx, request)) {
      const reply = await run();
      await keepAnswer(tx, request, seal.seal(textOf(request, reply), contextOf(request)));
      return { reply, isReplay: false };
    }
    const sealed = await findAnswer(tx, request);
    if (sealed === undefined) throw inUse("Its answer was just forgotten for its age.");
    const { fingerprint, ...reply } = keptSchema.parse(JSON.parse(seal.open(sealed, contextOf(request))));
    if (fingerprint === request.fingerprint) return { reply, isReplay: true };
    throw new Problem(idempotencyKeyReused, "Send the same method, path and body, or a new Idempotency-Key.");
  }

  return {
    async once(request, run) {
      const name = contextOf(request);
      for (let ahead = running.get(name); ahead !== undefined; ahead = running.get(name)) await ahead;
      const mine = bounded(() => inUnitOfWork(db, (tx) => runOrReplay(tx, request, run)));
      const ended = mine.then(
        () => {},
        () => {},
      );
      running.set(name, ended);
      try {
        return await mine;
      } finally {
        running.delete(name);
      }
    },
  };
}

async function claim(tx: Tx, request: KeyedRequest): Promise<boolean> {
  try {
    return await claimKey(tx, request);
  } catch (error) {
    const { code } = z.object({ code: z.unknown() }).parse(error);
    if (typeof code === "string" && GAVE_UP_WAITING.has(code)) throw inUse("Ask again when it has ended.", error);
    throw error;
  }
}

function inUse(detail: string, cause?: unknown): Problem {
  return new Problem(idempotencyKeyInUse, detail, { headers: { "retry-after": String(RETRY_AFTER_S) }, cause });
}

/** What the answer is sealed for: it opens for this caller's key alone. */
function contextOf({ caller, key }: KeyName): string {
  return `idempotent answer ${caller} ${key}`;
}

const keptSchema = z.object({
  fingerprint: z.string(),
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.unknown().optional(),
});

function textOf({ fingerprint }: KeyedRequest, { status, headers = {}, body }: CheckedReply): string {
  return JSON.stringify({ fingerprint, status, headers, body } satisfies z.input<typeof keptSchema>);
}
