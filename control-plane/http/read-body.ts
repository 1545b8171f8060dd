// Reads a request's body: bounded on the wire and after decoding, so that neither a long stream nor a gzip bomb fills memory.
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Problem } from "../../platform/problem.ts";
import { malformedRequest, tooLarge, unsupportedMediaType } from "./problems.ts";

const JSON_BYTES_MAX = 1024 * 1024;

/** The body's bytes, decoded from `Content-Encoding: gzip` when it has one. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > bytesMax) throw bodyTooLarge(bytesMax);
  const encoding = request.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity") return collect(request, bytesMax);
  if (encoding !== "gzip") throw wrongEncoding(encoding);
  const gunzip = createGunzip();
  request.on("error", (error) => gunzip.destroy(error));
  request.on("close", () => {
    if (!request.complete) gunzip.destroy();
  });
  return collect(request.pipe(gunzip), bytesMax);
}

/** RFC 8259 text, or undefined when there is no body at all. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const bytes = await readBody(request, JSON_BYTES_MAX);
  if (bytes.length === 0) return undefined;
  assertJsonType(request.headers["content-type"]);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Problem(malformedRequest, "The body is not JSON in UTF-8.", { cause: error });
  }
}

export function assertContentType(actual: string | undefined, expected: string): void {
  if (mediaType(actual) === expected) return;
  throw new Problem(unsupportedMediaType, `Send the body as ${expected}.`);
}

function assertJsonType(actual: string | undefined): void {
  const type = mediaType(actual);
  if (type === "application/json" || (type.startsWith("application/") && type.endsWith("+json"))) return;
  throw new Problem(unsupportedMediaType, "Send the body as application/json.");
}

function mediaType(header: string | undefined): string {
  return header?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

async function collect(stream: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      const buffer = Buffer.from(chunk);
      bytes += buffer.length;
      if (bytes > bytesMax) throw bodyTooLarge(bytesMax);
      chunks.push(buffer);
    }
  } catch (error) {
    if (error instanceof Problem) throw error;
    // Corrupt gzip, or the client went away in mid-body and nobody will read this.
    throw new Problem(malformedRequest, "The body cannot be read to its end.", { cause: error });
  }
  return Buffer.concat(chunks);
}

function bodyTooLarge(bytesMax: number): Problem {
  // The rest is not read: the connection cannot serve another request.
  return new Problem(tooLarge, `The body may have up to ${bytesMax} bytes, decoded.`, {
    headers: { connection: "close" },
  });
}

function wrongEncoding(encoding: string): Problem {
  // RFC 9110 §15.5.16: a 415 for the coding says which would do.
  return new Problem(unsupportedMediaType, `Content-Encoding ${encoding} is not understood.`, {
    headers: { "accept-encoding": "gzip, identity", connection: "close" },
  });
}
