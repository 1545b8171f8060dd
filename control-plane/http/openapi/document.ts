// The OpenAPI 3.1 document, made of nothing but the route declarations, in an order that does not depend on theirs.
import { z } from "zod";
import type { ProblemKind } from "../../../platform/problem.ts";
import type { Access } from "../caller.ts";
import { type BodyDeclaration, goodStatuses, type ReplyDeclaration, type Route } from "../define-route.ts";
import {
  failedPrecondition,
  idempotencyKeyInUse,
  idempotencyKeyReused,
  malformedRequest,
  notAllowed,
  sharedProblems,
  tooLarge,
  tooManyRequests,
  unauthenticated,
  unsupportedMediaType,
} from "../problems.ts";
import { PROBLEM_TYPE } from "../render-problem.ts";
import { servedPath } from "../served-path.ts";
import { headerParametersOf, REPLY_HEADERS, replyHeadersOf } from "./headers.ts";
import { shareResponses } from "./responses.ts";
import { createComponents, type JsonSchema, type SchemaComponents } from "./schemas.ts";

type JsonObject = Record<string, unknown>;

const pathsSchema = z.record(z.string(), z.record(z.string(), z.unknown()));

export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: JsonObject;
}

export function describeRoutes(routes: readonly Route[]): OpenApiDocument {
  const components = createComponents();
  const paths: Record<string, Record<string, unknown>> = {};
  const inOrder = [...routes].sort((a, b) => compare(servedPath(a.path), servedPath(b.path)) || compareMethods(a, b));
  for (const route of inOrder) {
    const operations = paths[servedPath(route.path)] ?? {};
    operations[route.method.toLowerCase()] = operationOf(route, components);
    paths[servedPath(route.path)] = operations;
  }
  const shared = shareResponses(pathsSchema.parse(components.finish(paths)), nameOfAnswer);
  return {
    openapi: "3.1.0",
    info: {
      title: "Edgewright API",
      version: "1",
      description: "Errors are problems (RFC 9457). Lists page by cursor. Times are ISO 8601 in UTC.",
    },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map((route) => route.tag))].sort(compare).map((name) => ({ name })),
    paths: shared.paths,
    components: {
      schemas: { ...components.schemas(), Problem: PROBLEM_SCHEMA },
      responses: shared.responses,
      headers: REPLY_HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

function operationOf(route: Route, components: SchemaComponents): JsonObject {
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.sessionOnly ? { description: "Takes the session of a person: an API token is refused." } : {}),
    ...(route.deprecated === undefined ? {} : { deprecated: true }),
    security: securityOf(route.access),
    parameters: [
      ...parametersOf("path", components.schema(route.params, "input")),
      ...parametersOf("query", components.schema(route.query, "input")),
      ...headerParametersOf(route),
    ],
    ...requestBodyOf(route.body, components),
    responses: { ...goodRepliesOf(route, components), ...problemsOf(route) },
  };
}

const SECURITY_SCHEMES = {
  account: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "The token of a log-in." },
  edge: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "Signed by an edge agent with its own key.",
  },
};

function securityOf(access: Access): JsonObject[] {
  switch (access.kind) {
    case "public":
      return [];
    case "edge":
      return [{ edge: [] }];
    case "user":
      return [{ account: [] }];
    case "account":
    case "operator":
      return [{ account: [access.scope] }];
  }
}

function parametersOf(place: "path" | "query", schema: JsonSchema): JsonObject[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || required.has(name),
    schema: property,
  }));
}

function requestBodyOf(body: BodyDeclaration, components: SchemaComponents): JsonObject {
  if (body === undefined) return {};
  if ("raw" in body) {
    return { requestBody: { required: true, content: { [body.raw]: { schema: { type: "string" } } } } };
  }
  const schema = components.schema(body, "input");
  return { requestBody: { required: !body.isOptional(), content: { "application/json": { schema } } } };
}

function goodRepliesOf(route: Route, components: SchemaComponents): Record<string, JsonObject> {
  const body = replyOf(route.reply, components);
  const described = Object.fromEntries(
    goodStatuses(route.reply).map((status) => [status, { ...body, headers: replyHeadersOf(route, status) }]),
  );
  if (route.method !== "GET" || !("body" in route.reply)) return described;
  return { ...described, 304: { description: "You have it already", headers: replyHeadersOf(route, 304) } };
}

function replyOf(reply: ReplyDeclaration, components: SchemaComponents): JsonObject {
  if ("body" in reply) {
    const others = (reply.also ?? []).map((type) => [type, { schema: { type: "string" } }]);
    return {
      description: "Done",
      content: {
        "application/json": { schema: components.schema(reply.body, "output") },
        ...Object.fromEntries(others),
      },
    };
  }
  if ("raw" in reply) {
    return { description: "Done", content: { [reply.raw]: { schema: { type: "string" } } } };
  }
  return { description: "Done, nothing to say" };
}

function problemsOf(route: Route): Record<string, JsonObject> {
  const byStatus = new Map<number, ProblemKind[]>();
  for (const problem of possibleProblems(route)) {
    byStatus.set(problem.status, [...(byStatus.get(problem.status) ?? []), problem]);
  }
  const statuses = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    statuses.map(([status, kinds]) => [status, { ...problemReply(kinds), headers: replyHeadersOf(route, status) }]),
  );
}

function possibleProblems(route: Route): ProblemKind[] {
  const ofBody = route.body === undefined ? [] : [malformedRequest, tooLarge, unsupportedMediaType];
  const ofAccess = route.access.kind === "public" ? [] : [unauthenticated, notAllowed];
  const ofTraits = [
    ...(route.unlimited ? [] : [tooManyRequests]),
    ...(route.ifMatch ? [failedPrecondition] : []),
    ...(route.idempotencyKey ? [idempotencyKeyInUse, idempotencyKeyReused] : []),
  ];
  const all = [...sharedProblems, ...ofBody, ...ofAccess, ...ofTraits, ...route.problems];
  return [...new Map(all.map((problem) => [problem.type, problem])).values()].sort((a, b) => compare(a.type, b.type));
}

function problemReply(kinds: readonly ProblemKind[]): JsonObject {
  return {
    description: kinds.map((kind) => kind.title).join(" · "),
    content: {
      [PROBLEM_TYPE]: {
        schema: {
          allOf: [
            { $ref: "#/components/schemas/Problem" },
            { type: "object", properties: { type: { enum: kinds.map((kind) => kind.type) } } },
          ],
        },
      },
    },
  };
}

const PROBLEM_SCHEMA = {
  type: "object",
  description: "RFC 9457. `type` is for programs, `detail` for people.",
  properties: {
    type: { type: "string", format: "uri" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    instance: { type: "string", format: "uri" },
    errors: {
      type: "array",
      items: {
        type: "object",
        properties: {
          pointer: {
            type: "string",
            description: "RFC 6901 into the body; `?name` for the query, `:name` for the path.",
          },
          detail: { type: "string" },
        },
        required: ["pointer", "detail"],
      },
    },
  },
  required: ["type", "title", "status", "detail"],
};

const answerSchema = z.object({
  content: z
    .object({
      [PROBLEM_TYPE]: z.object({
        schema: z.object({
          allOf: z.array(
            z.object({ properties: z.object({ type: z.object({ enum: z.array(z.string()) }) }).optional() }),
          ),
        }),
      }),
    })
    .optional(),
});

/** An answer's status and, of a problem, what may be wrong: `404.unknown-distribution`. */
function nameOfAnswer(status: string, answer: unknown): string {
  const parsed = answerSchema.safeParse(answer);
  const parts = parsed.data?.content?.[PROBLEM_TYPE].schema.allOf ?? [];
  const types = parts.flatMap(({ properties }) => properties?.type.enum ?? []);
  return [status, ...types.map((type) => type.slice(type.lastIndexOf(":") + 1))].join(".");
}

const METHOD_ORDER = ["GET", "POST", "PUT", "PATCH", "DELETE"];

function compareMethods(a: Route, b: Route): number {
  return METHOD_ORDER.indexOf(a.method) - METHOD_ORDER.indexOf(b.method);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
