// One request to the edge as a viewer would make it, on a connection of its own: an old worker never answers for a new one.
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { readBody } from "../bounded-body.ts";

export type Door =
  | { readonly scheme: "http" | "https"; readonly host: string; readonly port: number }
  | { readonly scheme: "unix"; readonly socketPath: string };

export interface ViewerRequest {
  readonly door: Door;
  readonly host: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

const BODY_BYTES_MAX = 64 * 1024;

export async function askAsViewer(ask: ViewerRequest): Promise<{ status: number; body: string }> {
  const response = await responseTo(ask);
  return { status: response.statusCode ?? 0, body: await readBody(response, BODY_BYTES_MAX) };
}

/** Reads what is answered to its end, and forgets it. */
export async function readAsViewer(ask: ViewerRequest, bytesMax: number): Promise<{ status: number; bytes: number }> {
  const response = await responseTo(ask);
  let bytes = 0;
  for await (const chunk of response) {
    bytes += Buffer.byteLength(chunk);
    // Leaving the loop closes the connection.
    if (bytes > bytesMax) throw new Error(`the answer has more than ${bytesMax} bytes`);
  }
  return { status: response.statusCode ?? 0, bytes };
}

function responseTo(ask: ViewerRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = openRequest(ask);
    request.once("response", resolve);
    request.once("error", reject);
    request.end();
  });
}

function openRequest({ door, host, path, headers, timeoutMs, signal }: ViewerRequest): ClientRequest {
  const deadline = AbortSignal.timeout(timeoutMs);
  const options = {
    path,
    agent: false,
    headers: { ...headers, host },
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
  } as const;
  if (door.scheme === "unix") return httpRequest({ ...options, socketPath: door.socketPath });
  const address = { host: door.host, port: door.port };
  if (door.scheme === "http") return httpRequest({ ...options, ...address });
  // Whose certificate it is plays no part: the question is whether this listener serves the revision.
  return httpsRequest({
    ...options,
    ...address,
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
}
