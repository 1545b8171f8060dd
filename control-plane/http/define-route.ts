// One declaration per route gives the handler's types, the check of the input and the OpenAPI operation.
import type { Readable } from "node:stream";
import { z } from "zod";
import type { ProblemKind } from "../../platform/problem.ts";
import type { Access, CallerOf } from "./caller.ts";
import { isEdgePath } from "./served-path.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a request may bring beside its parsed parts. */
export interface RequestFacts {
  readonly requestId: string;
  readonly clientAddress: string;
  /** Lower-case names; a repeated header is joined by commas. */
  header(name: string): string | undefined;
  /** The body as it came, decoded from its content encoding; only for routes whose body is `rawBody`. */
  readonly rawBody: Buffer | undefined;
  /** How long the client would wait for the outcome (`Prefer: wait`); 0 where the route does not declare `prefersWait`. */
  readonly waitSeconds: number;
  /** Of the content types that the route can answer, the one that the client would have most (`Accept`). */
  readonly accepted: string;
  /** Throws the 401 or 403 when who asks may do so no longer: for answers that last longer than a session may. */
  recheck(): Promise<void>;
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal;
}

/** A body that is not JSON: up to `bytesMax` bytes after decoding. */
export interface RawBody {
  readonly raw: string;
  readonly bytesMax: number;
}

export type BodyDeclaration = z.ZodType | RawBody | undefined;
type BodyOf<B extends BodyDeclaration> = B extends z.ZodType ? z.output<B> : undefined;

/**
 * `raw` names the content type of an answer that is not JSON; `empty` answers have no body. `orStatus`: the same body is
 * answered with it when what was asked for is only begun (202 beside 201). `also`: other content types in which the handler
 * can write the body, for clients that ask for them.
 */
export type ReplyDeclaration =
  | { readonly status: number; readonly orStatus?: number; readonly body: z.ZodType; readonly also?: readonly string[] }
  | { readonly status: number; readonly raw: string }
  | { readonly status: number; readonly empty: true };

/** The declared ones, with which its body is answered. */
export function goodStatuses(reply: ReplyDeclaration): readonly number[] {
  const { status, orStatus } = { orStatus: undefined, ...reply };
  return orStatus === undefined ? [status] : [status, orStatus];
}

export type ReplyBody<R extends ReplyDeclaration> = R extends { body: infer S extends z.ZodType }
  ? z.input<S>
  : R extends { raw: string }
    ? string | Buffer | Readable
    : undefined;

/** The content types of an answer, that of a client without wishes first. */
export function contentTypesOf(reply: ReplyDeclaration): readonly string[] {
  if ("raw" in reply) return [reply.raw];
  return "body" in reply ? [JSON_TYPE, ...(reply.also ?? [])] : [];
}

export const JSON_TYPE = "application/json";

/** A body in one of the other content types that its route declares. */
export interface WrittenBody {
  readonly type: string;
  readonly text: string;
}

/** A body that is checked, written and tagged already (prepared-json.ts). */
export interface PreparedJson {
  readonly json: string;
  readonly etag: string;
}

export interface Reply<Body> {
  /** When it differs from the declared one: `orStatus` of the declaration, or 304 and 204 without a body. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
  /** Instead of `body`: made by `prepareJson` of the declared schema. */
  readonly prepared?: PreparedJson;
  /** Instead of `body`: as `facts.accepted` asks for it. */
  readonly written?: WrittenBody;
  /**
   * Awaited once the change is committed; what it returns is answered instead. When it fails, this reply is answered: the
   * change stands.
   */
  readonly afterCommit?: () => Promise<Reply<Body>>;
}

/** Dates in ISO 8601. */
export interface Deprecation {
  readonly since: string;
  /** When the route will be gone. */
  readonly sunset?: string;
  /** Where people read what to use instead. */
  readonly link?: string;
}

/** What a route may declare beside its shapes; each is off when absent. */
interface RouteTraits {
  /** It hands out power, which must outlive no token that leaked: takes the session of a person, and no API token. */
  readonly sessionOnly?: true;
  /** It takes a secret that somebody might try out: counted per address, and banned after a few. */
  readonly attempts?: true;
  /** No rate limit counts it: probes, metrics, files of the docs. */
  readonly unlimited?: true;
  /** The handler heeds If-Match (etag.ts). */
  readonly ifMatch?: true;
  /** The handler heeds `facts.waitSeconds`, and waits in `afterCommit`. */
  readonly prefersWait?: true;
  /** `false`: its work does not fit into one transaction, or a repeat does no harm. Else every POST with a caller heeds it. */
  readonly idempotencyKey?: false;
  readonly deprecated?: Deprecation;
  /** Answered by a cache as a rule: its handler logs nothing, so it is spared the log context (platform/scope.ts). */
  readonly fromMemory?: true;
}

export interface RouteDeclaration<
  A extends Access,
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends BodyDeclaration,
  R extends ReplyDeclaration,
> extends RouteTraits {
  readonly method: Method;
  /** `/distributions/{id}`, relative to the API's base; edge routes begin with `/edge/v1`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly access: A;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly reply: R;
  /** The closed list of problems beside those that every route has (401, 403, 422, 500, 503). */
  readonly problems?: readonly ProblemKind[];
  handle(request: {
    readonly params: z.output<P>;
    readonly query: z.output<Q>;
    readonly body: BodyOf<B>;
    readonly caller: CallerOf<A>;
    readonly facts: RequestFacts;
  }): Promise<Reply<ReplyBody<R>>>;
}

/** A route with its types folded away: what the router, OpenAPI and the tests read. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly access: Access;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: BodyDeclaration;
  readonly reply: ReplyDeclaration;
  readonly problems: readonly ProblemKind[];
  /** API tokens are refused, whatever their scopes. */
  readonly sessionOnly: boolean;
  readonly attempts: boolean;
  readonly unlimited: boolean;
  readonly ifMatch: boolean;
  readonly prefersWait: boolean;
  /** Whether a repeat with the same Idempotency-Key gets the same answer. */
  readonly idempotencyKey: boolean;
  readonly deprecated: Deprecation | undefined;
  readonly fromMemory: boolean;
  /** Takes parts that were already parsed by the schemas above. */
  run(parsed: ParsedRequest): Promise<Reply<unknown>>;
}

export interface ParsedRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly caller: unknown;
  readonly facts: RequestFacts;
}

const nothing = z.object({});

export function defineRoute<
  A extends Access,
  R extends ReplyDeclaration,
  P extends z.ZodObject = typeof nothing,
  Q extends z.ZodObject = typeof nothing,
  B extends BodyDeclaration = undefined,
>(declaration: RouteDeclaration<A, P, Q, B, R>): Route {
  return {
    method: declaration.method,
    path: declaration.path,
    operationId: declaration.operationId,
    tag: declaration.tag,
    summary: declaration.summary,
    access: declaration.access,
    params: closed(declaration.path, declaration.params ?? nothing),
    query: closed(declaration.path, declaration.query ?? nothing),
    body: declaration.body,
    reply: declaration.reply,
    problems: declaration.problems ?? [],
    sessionOnly: declaration.sessionOnly ?? false,
    attempts: declaration.attempts ?? false,
    unlimited: declaration.unlimited ?? false,
    ifMatch: declaration.ifMatch ?? false,
    prefersWait: declaration.prefersWait ?? false,
    idempotencyKey: declaration.idempotencyKey !== false && heedsIdempotencyKey(declaration),
    deprecated: declaration.deprecated,
    fromMemory: declaration.fromMemory ?? false,
    // The one place where types are folded: the server hands over exactly what these schemas and this access produced.
    // biome-ignore lint/suspicious/noExplicitAny: see above
    run: (parsed) => declaration.handle(parsed as any),
  };
}

/** Requests and answers are JSON, so that they can be compared and kept, and there is a caller whose key it is. */
function heedsIdempotencyKey(
  route: Pick<Route, "method" | "access" | "reply"> & { readonly body?: BodyDeclaration },
): boolean {
  const hasCaller = route.access.kind !== "public" && route.access.kind !== "edge";
  const isJson = !("raw" in route.reply) && (route.body === undefined || !("raw" in route.body));
  return route.method === "POST" && hasCaller && isJson;
}

/** Unknown parameters are faults, or a typing error would pass for a default; a schema may say itself what others it takes. */
function closed(path: string, schema: z.ZodObject): z.ZodObject {
  return isEdgePath(path) || schema.def.catchall !== undefined ? schema : schema.strict();
}
