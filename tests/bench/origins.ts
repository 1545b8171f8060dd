// An origin of its own for every distribution of a benchmark: one server behind all addresses of 127.0.0.0/8, each of
// which answers with its own URL. Whoever is not this machine is hung up on.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface LoopbackOrigins {
  /** Two for each distribution: what it may be moved between. */
  urlsOf(index: number): readonly [string, string];
  stop(): Promise<void>;
}

/** The second byte: 127.0.0.0/16 stays free for others. */
const FIRST_NETWORK = 1;
const SECOND_NETWORK = 128;

export async function startLoopbackOrigins(): Promise<LoopbackOrigins> {
  const server = createServer(({ socket }, response) => {
    response.writeHead(200, { "content-type": "text/plain", "cache-control": "no-store" });
    response.end(urlAt(socket.localAddress ?? ""));
  });
  server.on("connection", (socket) => {
    if (socket.remoteAddress?.startsWith("127.") !== true) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as AddressInfo;
  const urlAt = (address: string) => `http://${address}:${port}`;
  return {
    urlsOf: (index) => [urlAt(addressOf(FIRST_NETWORK, index)), urlAt(addressOf(SECOND_NETWORK, index))],
    stop: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

function addressOf(network: number, index: number): string {
  return `127.${network + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}
