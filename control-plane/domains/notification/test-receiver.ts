// Somebody's receiver of webhooks: a real server over HTTP or HTTPS that keeps what comes and misbehaves when told to. Tests
// only.
import { EventEmitter, once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  createServer as overHttp,
  type ServerResponse,
} from "node:http";
import { createServer as overHttps } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { makeLoopbackCertificate } from "../../../platform/embedded/loopback-certificate.ts";

const WAIT_MS = 10_000;

export interface ReceivedMessage {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
}

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

export type TestReceiver = Awaited<ReturnType<typeof startTestReceiver>>;

export const answering =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (_request, response) =>
    void response.writeHead(status, headers).end();

/** Takes everything until told otherwise. */
export async function startTestReceiver({ isSecure = false }: { isSecure?: boolean } = {}) {
  const arrivals = new EventEmitter();
  const received: ReceivedMessage[] = [];
  const next: Behaviour[] = [];
  let always: Behaviour = answering(204);

  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { headers, url = "" } = request;
      const id = z.string().parse(headers["webhook-id"]);
      received.push({ id, headers, body: Buffer.concat(chunks).toString("utf8"), path: url });
      (next.shift() ?? always)(request, response);
      arrivals.emit("message");
    });
  };
  const { certificate, key } = isSecure ? loopbackCertificate() : { certificate: "", key: "" };
  const server = isSecure ? overHttps({ cert: certificate, key }, listener) : overHttp(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  const { port } = address;

  return {
    port,
    url: `${isSecure ? "https" : "http"}://127.0.0.1:${port}/in`,
    /** PEM of the authority that its certificate is by. */
    certificate,
    received,
    /** The next messages, one each. */
    behave: (...behaviours: Behaviour[]) => void next.push(...behaviours),
    behaveAlways: (behaviour: Behaviour) => {
      always = behaviour;
    },
    /** Until so many have come in all. */
    async count(messages: number): Promise<readonly ReceivedMessage[]> {
      const signal = AbortSignal.timeout(WAIT_MS);
      while (received.length < messages) await once(arrivals, "message", { signal });
      return received;
    },
    async stop(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const eventSchema = z.object({
  type: z.string(),
  timestamp: z.iso.datetime(),
  data: z.record(z.string(), z.unknown()),
});

/** As a receiver reads it that knows this secret; throws when the signature is another's. */
export function verified({ headers, body }: ReceivedMessage, secret: string) {
  const texts = z.record(z.string(), z.string()).parse(headers);
  return eventSchema.parse(new Webhook(secret).verify(body, texts));
}

function loopbackCertificate(): { certificate: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-receiver-"));
  const files = { certificate: join(folder, "certificate.pem"), key: join(folder, "key.pem") };
  try {
    makeLoopbackCertificate(files);
    return { certificate: readFileSync(files.certificate, "utf8"), key: readFileSync(files.key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
