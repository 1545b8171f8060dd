// What an authority says no with (RFC 8555 §6.7), parsed, and what it means for an order.
import { z } from "zod";

const PREFIX = "urn:ietf:params:acme:error:";
const WORDS_MAX = 500;

const text = z.string().catch("");
const identifierSchema = z.object({ value: z.string() }).optional().catch(undefined);
const subproblemSchema = z.object({ type: text, detail: text, identifier: identifierSchema });
/** Of an answer that is no such document, nothing is known but its status. */
export const refusalSchema = z
  .object({
    type: text,
    detail: text,
    identifier: identifierSchema,
    subproblems: z.array(subproblemSchema).catch([]),
  })
  .catch({ type: "", detail: "", identifier: undefined, subproblems: [] });
type RefusalBody = z.output<typeof refusalSchema>;

/** Thrown for an answer of the authority that is an error. */
export class AuthorityRefusal extends Error {
  override readonly name = "AuthorityRefusal";

  readonly status: number;
  readonly body: RefusalBody;
  /** When it wants to be asked again, as far as it says so. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, body: RefusalBody, retryAfterMs: number | undefined) {
    super(`${status} ${body.type}: ${body.detail}`.slice(0, WORDS_MAX));
    this.status = status;
    this.body = body;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Thrown when the authority does not answer, or answers what no authority would. */
export class AuthorityAway extends Error {
  override readonly name = "AuthorityAway";
}

/** An answer of an authority, as its schema says. */
export function parseAnswer<Schema extends z.ZodType>(schema: Schema, answer: unknown): z.output<Schema> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new AuthorityAway("it answers what no certificate authority would", { cause: parsed.error });
}

/** Without the namespace: `rateLimited`. */
export function kindOf({ type }: { readonly type: string }): string {
  return type.startsWith(PREFIX) ? type.slice(PREFIX.length) : type;
}

/**
 * `passing`: the same question may be answered soon. `account`: it does not know us. `order`: it does not know the order
 * (any more). `replaced`: the certificate that this one replaces has another successor, or is none of its own.
 * `final`: asking again changes nothing, until somebody has mended something.
 */
export type RefusalMeaning = "passing" | "account" | "order" | "replaced" | "final";

export function meaningOf({ status, body }: AuthorityRefusal): RefusalMeaning {
  const kind = kindOf(body);
  if (kind === "accountDoesNotExist") return "account";
  if (kind === "alreadyReplaced") return "replaced";
  if (kind === "badNonce" || kind === "orderNotReady") return "passing";
  if (status === 404) return "order";
  if (kind === "rateLimited") return "final";
  return status >= 500 || status === 429 || status === 408 ? "passing" : "final";
}
