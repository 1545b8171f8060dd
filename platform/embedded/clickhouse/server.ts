// A small ClickHouse server: the HTTP interface, as far as @clickhouse/client uses it, over the chdb engine. It is a
// process of its own (`node server.ts FOLDER PORT`), because the engine is large, native, and one per process.
import { timingSafeEqual } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { ChdbResult } from "chdb";
import { type Engine, openEngine } from "./engine.ts";
import { exception, toException } from "./exception.ts";
import { header, type QueryRequest, readQuery } from "./request.ts";

const USER = "edgewright";
/** Longer than the client keeps an idle socket, so that it is never closed under a request. */
const KEEP_ALIVE_MS = 30_000;
const STOP_MS = 5000;
/** As ClickHouse's http_max_uri_size: parameters travel in the address. */
const URI_BYTES_MAX = 1024 * 1024;
const gzipAsync = promisify(gzip);

interface Service {
  readonly engine: Engine;
  readonly incomingFolder: string;
  readonly authorization: Buffer;
}

async function main(): Promise<void> {
  const [folder = "", port = ""] = process.argv.slice(2);
  const incomingFolder = join(folder, "incoming");
  rmSync(incomingFolder, { recursive: true, force: true });
  mkdirSync(incomingFolder, { mode: 0o700 });
  const password = readFileSync(join(folder, "password"), "utf8").trim();
  const engine = await openEngine(join(folder, "data"), USER);
  const authorization = Buffer.from(`Basic ${Buffer.from(`${USER}:${password}`).toString("base64")}`);
  const service = { engine, incomingFolder, authorization };
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: URI_BYTES_MAX },
    (request, response) => {
      void answer(service, request, response);
    },
  );
  server.once("error", (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  server.listen(Number(port), "127.0.0.1", () => process.stdout.write("ready for connections\n"));
  process.once("SIGTERM", () => {
    server.close(() => void engine.close().then(() => process.exit(0)));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), STOP_MS).unref();
  });
}

async function answer(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    if (request.url === "/ping") return send(response, 200, {}, Buffer.from("Ok.\n"));
    assertAuthorized(service, request);
    await answerQuery(service, request, response);
  } catch (error) {
    if (response.headersSent || response.destroyed) return;
    const { code, text, status } = toException(error);
    const headers = { "x-clickhouse-exception-code": String(code), connection: "close" };
    send(
      response,
      status,
      request.complete ? { "x-clickhouse-exception-code": String(code) } : headers,
      Buffer.from(text),
    );
  }
}

function assertAuthorized(service: Service, request: IncomingMessage): void {
  const given = Buffer.from(header(request, "authorization") ?? "");
  const { authorization } = service;
  if (given.length !== authorization.length || !timingSafeEqual(given, authorization))
    throw exception.authenticationFailed();
}

async function answerQuery(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort(new Error("the client went away")));
  const query = await readQuery(request, service.incomingFolder);
  try {
    const result = await service.engine.run(query, gone.signal);
    const bytes = result.bytes();
    const body = query.gzipAnswer ? await gzipAsync(bytes) : bytes;
    send(response, 200, answerHeaders(query, result), body);
  } finally {
    query.release();
  }
}

function answerHeaders(query: QueryRequest, result: ChdbResult): Record<string, string> {
  const writes = /^\s*INSERT\s/i.test(query.statement);
  const rows = String(result.rowsRead);
  const bytes = String(result.bytesRead);
  const summary = {
    read_rows: rows,
    read_bytes: bytes,
    written_rows: writes ? rows : "0",
    written_bytes: writes ? bytes : "0",
    total_rows_to_read: "0",
    result_rows: writes ? rows : "0",
    result_bytes: writes ? bytes : "0",
    elapsed_ns: String(Math.round(result.elapsed * 1e9)),
  };
  return {
    "x-clickhouse-query-id": query.queryId,
    "x-clickhouse-summary": JSON.stringify(summary),
    "x-clickhouse-timezone": "UTC",
    ...(query.gzipAnswer ? { "content-encoding": "gzip" } : {}),
  };
}

function send(response: ServerResponse, status: number, headers: Record<string, string>, body: Uint8Array): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=UTF-8",
    "content-length": body.length,
    ...headers,
  });
  response.end(body);
}

await main();
