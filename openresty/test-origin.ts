// A small real origin for tests of the edge: it answers as it is told and remembers what it was asked.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export type Handler = (request: SeenRequest, response: ServerResponse) => void;

export interface TestOrigin {
  readonly port: number;
  /** Oldest first. */
  readonly seen: SeenRequest[];
  /** Answers every request from now on. */
  handle(handler: Handler): void;
  stop(): Promise<void>;
}

export interface OriginCertificate {
  readonly key: string;
  readonly cert: string;
}

export async function startTestOrigin(certificate?: OriginCertificate, address = "127.0.0.1"): Promise<TestOrigin> {
  const seen: SeenRequest[] = [];
  let handler: Handler = (request, response) => response.end(`${request.method} ${request.url}`);
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = "", url = "", headers } = request;
    const noted = { method, url, headers, body: Buffer.concat(chunks).toString() };
    seen.push(noted);
    handler(noted, response);
  }
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response).catch(() => response.destroy());
  };
  const server: Server = certificate === undefined ? createServer(listener) : createTlsServer(certificate, listener);
  server.listen(0, address);
  await once(server, "listening");
  return {
    port: addressOf(server).port,
    seen,
    handle(next) {
      handler = next;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the origin does not listen on a port");
  return address;
}
