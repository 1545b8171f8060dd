// What stand-ins for providers have in common: a real HTTP server that answers JSON, counts what it was asked, and misbehaves
// when told to. Tests only.
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";

export interface OutsideRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface OutsideAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `hang`: it never answers. `cut`: it breaks the connection off in the middle of its answer. */
export type Misbehaviour = OutsideAnswer | "hang" | "cut" | { readonly text: string };

export type Outside = Awaited<ReturnType<typeof startOutside>>;

export async function startOutside(answer: (request: OutsideRequest) => OutsideAnswer) {
  const asked: OutsideRequest[] = [];
  const next: (Misbehaviour | undefined)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", headers, url = "/" } = request;
      const body = Buffer.concat(chunks).toString("utf8");
      const seen = { method, headers, body, url: new URL(url, "http://provider.example") };
      asked.push(seen);
      send(response, next.shift() ?? answer(seen));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");

  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    /** For the next requests, one each; undefined: as it should be. */
    misbehave: (...with_: (Misbehaviour | undefined)[]) => void next.push(...with_),
    /** As it should, whatever was said before. */
    behave: () => void next.splice(0),
    async stop(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response: ServerResponse, answer: Misbehaviour): void {
  if (answer === "hang") return;
  if (answer === "cut") {
    response.writeHead(200, { "content-length": "1000" });
    response.write('{"resource"', () => response.destroy());
    return;
  }
  if ("text" in answer) {
    response.writeHead(200).end(answer.text);
    return;
  }
  response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
  response.end(JSON.stringify(answer.body));
}
