// One HTTP request read as a ClickHouse query: the statement, its settings and parameters, and the data of an insert.
import { randomUUID } from "node:crypto";
import { createWriteStream, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { exception } from "./exception.ts";
import { literal } from "./sql.ts";

const STATEMENT_BYTES_MAX = 64 * 1024 * 1024;
const INSERT_BYTES_MAX = 512 * 1024 * 1024;

export interface QueryRequest {
  readonly queryId: string;
  readonly statement: string;
  readonly database: string | undefined;
  readonly defaultFormat: string;
  readonly readOnly: boolean;
  /** Settings, and query parameters as `param_<name>`, as ClickHouse's SET takes them. */
  readonly settings: ReadonlyMap<string, string>;
  readonly gzipAnswer: boolean;
  /** Removes the file that an insert's data was put into. */
  release(): void;
}

/** What stands in the query string beside settings and parameters. */
const NOT_SETTINGS = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "user",
  "password",
  "quota_key",
  "wait_end_of_query",
  "buffer_size",
  "session_timeout",
  "session_check",
  "client_protocol_version",
]);
/** What this server has no counterpart for, and must not act as if it had. */
const REFUSED = ["session_id", "role", "compress", "decompress"];

export async function readQuery(request: IncomingMessage, incomingFolder: string): Promise<QueryRequest> {
  const { searchParams } = new URL(request.url ?? "/", "http://clickhouse");
  const refused = REFUSED.find((name) => searchParams.has(name));
  if (refused !== undefined) throw exception.notImplemented(`The parameter ${refused} is not supported here`);
  if (request.headers["content-type"]?.startsWith("multipart/") === true) {
    throw exception.notImplemented("Multipart bodies are not supported here");
  }
  const { statement, release } = await readStatement(request, searchParams.get("query") ?? "", incomingFolder);
  return {
    queryId: searchParams.get("query_id") ?? randomUUID(),
    statement,
    database: searchParams.get("database") ?? header(request, "x-clickhouse-database"),
    defaultFormat: searchParams.get("default_format") ?? header(request, "x-clickhouse-format") ?? "TabSeparated",
    readOnly: request.method === "GET",
    settings: new Map([...searchParams].filter(([name]) => !NOT_SETTINGS.has(name))),
    gzipAnswer: searchParams.get("enable_http_compression") === "1" && accepts(request, "gzip"),
    release,
  };
}

interface Statement {
  readonly statement: string;
  release(): void;
}

async function readStatement(request: IncomingMessage, query: string, incomingFolder: string): Promise<Statement> {
  const insert = splitInsert(query);
  if (insert === undefined) {
    const body = await readText(openBody(request));
    return { statement: query === "" ? body : `${query}\n${body}`, release: () => undefined };
  }
  // The data travels in a file, never in the statement's text: there the engine would end it at an empty line and run
  // what follows as SQL. It also takes every format, and streams of any length.
  const file = join(incomingFolder, randomUUID());
  const release = () => rmSync(file, { force: true });
  try {
    await pipeline(openBody(request), limitBytes(INSERT_BYTES_MAX), createWriteStream(file, { mode: 0o600 }));
  } catch (error) {
    release();
    throw error;
  }
  return { statement: `${insert.head} FROM INFILE ${literal(file)} COMPRESSION 'none' ${insert.tail}`, release };
}

/** `INSERT INTO t (a, b)` and `SETTINGS … FORMAT X`: the name of the data's file belongs between. */
function splitInsert(query: string): { head: string; tail: string } | undefined {
  if (!/^\s*INSERT\s/i.test(query)) return undefined;
  const tail = /(\sSETTINGS\s+\w+\s*=[\s\S]*?)?\sFORMAT\s+\w+\s*;?\s*$/i.exec(query);
  return tail === null ? undefined : { head: query.slice(0, tail.index), tail: tail[0].trim() };
}

function openBody(request: IncomingMessage): Readable {
  const encoding = header(request, "content-encoding") ?? "identity";
  if (encoding === "identity") return request;
  if (encoding !== "gzip") throw exception.notImplemented(`The content encoding ${encoding} is not supported here`);
  const gunzip = createGunzip();
  request.on("error", (error) => gunzip.destroy(error)).on("aborted", () => gunzip.destroy(new Error("aborted")));
  return request.pipe(gunzip);
}

function limitBytes(bytesMax: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > bytesMax) done(exception.tooLarge(bytesMax));
      else done(null, chunk);
    },
  });
}

async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  const collect = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  await pipeline(body, limitBytes(STATEMENT_BYTES_MAX), collect);
  return Buffer.concat(chunks).toString("utf8");
}

function accepts(request: IncomingMessage, encoding: string): boolean {
  return header(request, "accept-encoding")?.includes(encoding) === true;
}

export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
