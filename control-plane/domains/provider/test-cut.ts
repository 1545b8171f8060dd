// A way to ClickHouse that breaks off at one request, before the request gets there or before its answer comes back (what
// whoever is killed at that moment leaves behind), or holds it back. Tests only.
import { once } from "node:events";
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type ClickHouse, connectClickHouse } from "../../database/clickhouse.ts";

export interface Cut {
  /** From 0. */
  readonly at: number;
  readonly when: "before" | "after" | "held";
}

export interface CutWay {
  readonly clickhouse: ClickHouse;
  /** Until the request has come. */
  readonly reached: Promise<void>;
  /** A request that is held goes on. */
  release(): void;
  stop(): Promise<void>;
}

export async function openCutWay(url: string, cut: Cut): Promise<CutWay> {
  let requests = 0;
  const [reached, released] = [signalled(), signalled()];
  const server = createServer((request, response) => {
    const isCut = requests === cut.at;
    requests += 1;
    if (isCut) reached.signal();
    if (!isCut) pass(url, request, response);
    else if (cut.when === "before") response.destroy();
    else if (cut.when === "after") pass(url, request, response, { isAnswered: false });
    else void released.promise.then(() => pass(url, request, response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the way has no port");
  const way = new URL(url);
  way.port = String(address.port);
  const { clickhouse, part } = connectClickHouse(way.href);
  return {
    clickhouse,
    reached: reached.promise,
    release: released.signal,
    async stop() {
      await part.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function pass(url: string, request: IncomingMessage, response: ServerResponse, { isAnswered = true } = {}): void {
  const { method, headers } = request;
  const onward = ask(new URL(request.url ?? "/", url), { method, headers });
  onward.on("error", () => response.destroy());
  onward.on("response", (answer) => {
    if (isAnswered) {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    } else {
      answer.resume().on("end", () => response.destroy());
    }
  });
  request.pipe(onward);
}

function signalled(): { readonly promise: Promise<void>; readonly signal: () => void } {
  let signal = () => {};
  const promise = new Promise<void>((resolve) => {
    signal = resolve;
  });
  return { promise, signal: () => signal() };
}
