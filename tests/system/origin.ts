// A customer's origin server that counts what reaches it and answers as the test says.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface OriginAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Origin {
  readonly url: string;
  readonly requests: readonly { method: string; url: string; headers: IncomingMessage["headers"] }[];
  /** What is answered from now on. */
  answer(how: (path: string) => OriginAnswer): void;
  stop(): Promise<void>;
}

export async function startOrigin(): Promise<Origin> {
  const requests: { method: string; url: string; headers: IncomingMessage["headers"] }[] = [];
  let how: (path: string) => OriginAnswer = (path) => ({
    headers: { "cache-control": "max-age=60" },
    body: `origin says ${path}`,
  });
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    requests.push({ method: request.method ?? "", url: path, headers: request.headers });
    const { status = 200, headers = {}, body = "" } = how(path);
    response.writeHead(status, { "content-type": "text/plain", ...headers });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    answer(next) {
      how = next;
    },
    stop: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}
