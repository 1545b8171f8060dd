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

/** `raw` names the content type of an answer that is not JSON; `empty` answers have no body. */
export type ReplyDeclaration =
  | { readonly status: number; readonly body: z.ZodType }
  | { readonly status: number; readonly raw: string }
  | { readonly status: number; readonly empty: true };

export type ReplyBody<R extends ReplyDeclaration> = R extends { body: infer S extends z.ZodType }
  ? z.input<S>
  : R extends { raw: string }
    ? string | Buffer | Readable
    : undefined;

export interface Reply<Body> {
  /** When it differs from the declared one: 304 and 204 without a body, 202 instead of 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
}

export interface RouteDeclaration<
  A extends Access,
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends BodyDeclaration,
  R extends ReplyDeclaration,
> {
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
    // The one place where types are folded: the server hands over exactly what these schemas and this access produced.
    // biome-ignore lint/suspicious/noExplicitAny: see above
    run: (parsed) => declaration.handle(parsed as any),
  };
}

/** Unknown parameters are faults, or a typing error would pass for a default. */
function closed(path: string, schema: z.ZodObject): z.ZodObject {
  return isEdgePath(path) ? schema : schema.strict();
}
