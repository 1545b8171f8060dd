// Many viewers who want the same at the same moment: how long each waits, and what it costs the origin.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type EdgeOrigin, END_OF_SLOW_ANSWER, SLOW_ORIGIN_MS } from "./edge-origin.ts";
import { summarise } from "./percentiles.ts";

const HERD_SIZE = 100;
const ANSWER_WITHIN_MS = 60_000;

export interface HerdReport {
  /** Times of the origin's own time. */
  readonly median: number;
  readonly max: number;
  readonly origin_requests: number;
}

interface Herded {
  readonly port: number;
  readonly host: string;
  readonly path: string;
}

/** One herd. The connections are there before the first request is sent. */
export async function sendHerd(origin: EdgeOrigin, herded: Herded): Promise<HerdReport> {
  const sockets = await Promise.all(Array.from({ length: HERD_SIZE }, () => connected(herded.port)));
  origin.takeSlowRequests();
  const startedAt = performance.now();
  const answered = sockets.map((socket) => untilAnswered(socket, startedAt));
  for (const socket of sockets) socket.write(requestFor(herded));
  const times = summarise(await Promise.all(answered));
  return {
    median: times.p50 / SLOW_ORIGIN_MS,
    max: times.max / SLOW_ORIGIN_MS,
    origin_requests: origin.takeSlowRequests(),
  };
}

function requestFor({ host, path }: Herded): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: herd\r\n\r\n`;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect", { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  return socket.setNoDelay();
}

/** Milliseconds to the answer's last byte. */
function untilAnswered(socket: Socket, startedAt: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error("a viewer of the herd waited for too long")));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`a viewer of the herd got no whole answer: ${text.slice(0, 200)}`)));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (!text.endsWith(END_OF_SLOW_ANSWER) && !text.endsWith(`${END_OF_SLOW_ANSWER}\r\n0\r\n\r\n`)) return;
      resolve(performance.now() - startedAt);
      socket.removeAllListeners("close");
      socket.destroy();
    });
  });
}
