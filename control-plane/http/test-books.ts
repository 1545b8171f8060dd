// A small API about books for the tests of this room, and its log. Tests only.
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { z } from "zod";
import { createLogger } from "../../platform/log.ts";
import { defineProblem, Problem } from "../../platform/problem.ts";
import { noRequest } from "./caller.ts";
import { csvOf } from "./csv.ts";
import { defineRoute, type Route } from "./define-route.ts";
import { assertIfMatch } from "./etag.ts";
import { unauthorized } from "./problems.ts";
import { type ApiServerOptions, type Authentication, startApiServer } from "./server.ts";

// Flowing from the start: whoever waits for a line gets those that come from then on.
const lines = new PassThrough().resume();
export const log = createLogger({ role: "test", level: "debug", destination: lines });
export const shelfTaken = defineProblem("shelf-taken", 409, "The shelf is taken");
const bookBody = z.strictObject({
  title: z.string().min(1).max(20),
  shelf: z.strictObject({ "row/column": z.int() }).optional(),
  authors: z.union([z.string(), z.array(z.strictObject({ name: z.string() }))]).optional(),
});
const book = z.object({ id: z.uuid(), title: z.string() });
export const bookId = "0b9a5f7e-3c1d-4b8a-9c55-0f6d1f0a7b11";
export const polls = new PassThrough({ objectMode: true });

export const bookRoutes: Route[] = [
  defineRoute({
    method: "POST",
    path: "/shelves/{shelf_id}/books",
    operationId: "createBook",
    tag: "Books",
    summary: "Put a book on a shelf",
    access: { kind: "account", role: "editor", scope: "distributions:write" },
    params: z.object({ shelf_id: z.uuid() }),
    query: z.object({ copies: z.coerce.number().int().min(1).default(1) }),
    body: bookBody,
    reply: { status: 201, body: z.object({ title: z.string(), copies: z.int(), user: z.string() }) },
    problems: [shelfTaken],
    handle: async ({ body, query, caller }) => {
      if (body.title === "taken") throw new Problem(shelfTaken, "Another book stands there.");
      return { body: { title: body.title, copies: query.copies, user: caller.userId } };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/books/{id}",
    operationId: "getBook",
    tag: "Books",
    summary: "Read a book",
    access: { kind: "public" },
    params: z.object({ id: z.uuid() }),
    reply: { status: 200, body: book },
    handle: async ({ params }) => ({ body: { id: params.id, title: "Middlemarch" } }),
  }),
  defineRoute({
    method: "GET",
    path: "/sales",
    operationId: "listSales",
    tag: "Books",
    summary: "What was sold",
    access: { kind: "public" },
    reply: { status: 200, body: z.object({ sold: z.int() }), also: ["text/csv", "image/svg+xml"] },
    handle: async ({ facts }) => {
      const type = facts.accepted;
      if (type === "text/csv") return { written: { type, text: csvOf(["sold"], [{ sold: 3 }]) } };
      return type === "image/svg+xml" ? { written: { type: "image/png", text: "" } } : { body: { sold: 3 } };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/news",
    operationId: "listenToNews",
    tag: "Books",
    summary: "Until the reader is known no more",
    access: { kind: "account", role: "viewer", scope: "reports:read" },
    reply: { status: 200, raw: "text/plain" },
    handle: async ({ facts }) => {
      await facts.recheck();
      readers.delete("leaving");
      await facts.recheck();
      return { body: "still here" };
    },
  }),
  defineRoute({
    method: "PATCH",
    path: "/books/{id}",
    operationId: "updateBook",
    tag: "Books",
    summary: "Change a book",
    access: { kind: "public" },
    params: z.object({ id: z.uuid() }),
    body: z.strictObject({ title: z.string().optional() }),
    ifMatch: true,
    prefersWait: true,
    reply: { status: 200, body: book },
    handle: async ({ params, body, facts }) => {
      assertIfMatch(facts, { id: bookId, title: "Middlemarch" });
      const changed = { body: { id: params.id, title: body.title ?? "Middlemarch" } };
      if (body.title === "stuck")
        return { ...changed, afterCommit: () => Promise.reject(new Error("the printer is out")) };
      const printed = async () => ({ body: { id: params.id, title: `printed within ${facts.waitSeconds} s` } });
      return body.title === "slow" ? { ...changed, afterCommit: printed } : changed;
    },
  }),
  defineRoute({
    method: "POST",
    path: "/edge/v1/logs",
    operationId: "sendLogs",
    tag: "Edge",
    summary: "Lines",
    access: { kind: "edge" },
    body: { raw: "application/x-ndjson", bytesMax: 100 },
    reply: { status: 200, raw: "text/plain" },
    handle: async ({ facts, caller }) => ({ body: `${caller.edgeId}:${facts.rawBody?.toString("utf8")}` }),
  }),
  defineRoute({
    method: "GET",
    path: "/papyri",
    operationId: "listPapyri",
    tag: "Books",
    summary: "What was before books",
    access: { kind: "public" },
    query: z.object({ page: z.coerce.number().optional() }),
    deprecated: { since: "2026-01-01", sunset: "2027-01-01T12:00:00Z", link: "https://docs.example.com/books" },
    reply: { status: 200, body: z.object({}) },
    handle: async () => ({ body: {} }),
  }),
  ...(["defect", "outage", "lie", "stray", "operators", "stream"] as const).map((what) =>
    defineRoute({
      method: "GET",
      path: `/${what}`,
      operationId: what,
      tag: "Trouble",
      summary: what,
      access: what === "operators" ? { kind: "operator", scope: "platform:read" } : { kind: "public" },
      reply: what === "stream" ? { status: 200, raw: "text/plain" } : { status: 200, body: z.object({ n: z.int() }) },
      handle: async () => {
        if (what === "defect") throw new Error("secret detail");
        if (what === "outage") throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
        if (what === "stream") return { body: Readable.from(["a", "b"]) };
        if (what === "stray") return { status: 202, body: { n: 1 } };
        return { body: { n: what === "lie" ? 1.5 : 1 } };
      },
    }),
  ),
  defineRoute({
    method: "GET",
    path: "/poll",
    operationId: "poll",
    tag: "Trouble",
    summary: "Waits until it is told to stop",
    access: { kind: "public" },
    reply: { status: 204, empty: true },
    handle: async ({ facts }) => {
      polls.write("begun");
      await once(facts.signal, "abort");
      polls.write(String(facts.signal.reason));
      return {};
    },
  }),
];

const readers = new Map([
  ["viewer", "viewer"],
  ["editor", "editor"],
  ["leaving", "viewer"],
] as const);

const bookReaders: Authentication = {
  account: async (credentials) => {
    const token = credentials.header("authorization")?.replace("Bearer ", "");
    const role = [...readers].find(([name]) => name === token)?.[1];
    if (role === undefined) throw unauthorized("Log in first.");
    return { userId: "u1", accountId: "a1", accountRole: role, platformRole: "user", scopes: "all", ...noRequest };
  },
  user: async () => ({ userId: "u1", sessionId: "s1", platformRole: "user", ...noRequest }),
  edge: async () => ({ edgeId: "e1", scope: "g1" }),
};

export interface BookApi {
  ask(path: string, init?: RequestInit): Promise<Response>;
  createBook(body: unknown, options?: { role?: string; path?: string }): Promise<Response>;
  readonly url: string;
  stop(): Promise<void>;
}

/** Where an option is given, it counts instead of the books'. */
export async function startBookApi(options: Partial<ApiServerOptions> = {}): Promise<BookApi> {
  const api = await startApiServer({
    routes: bookRoutes,
    authenticate: bookReaders,
    readiness: [],
    log,
    host: "127.0.0.1",
    port: 0,
    ...options,
  });
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${api.url}${path}`, { signal: AbortSignal.timeout(10_000), ...init });
  return {
    ask,
    createBook: (body, { role = "editor", path = `/api/v1/shelves/${bookId}/books` } = {}) =>
      ask(path, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${role}` },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    url: api.url,
    stop: () => api.part.stop(),
  };
}

const lineSchema = z.record(z.string(), z.unknown());
type Line = z.infer<typeof lineSchema>;

export function waitForLine(message: string, fits: (line: Line) => boolean = () => true): Promise<Line> {
  return new Promise((resolve) => {
    const listen = (chunk: Buffer) => {
      for (const text of chunk.toString("utf8").split("\n").filter(Boolean)) {
        const line = lineSchema.parse(JSON.parse(text));
        if (line.msg !== message || !fits(line)) continue;
        lines.off("data", listen);
        resolve(line);
      }
    };
    lines.on("data", listen);
  });
}
