// A TCP door in front of a real service that tests can close and open again: the service is away for whoever comes
// through it.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface TestDoor {
  readonly url: string;
  close(): Promise<void>;
  open(): Promise<void>;
}

export async function createTestDoor(serviceUrl: string): Promise<TestDoor> {
  const target = new URL(serviceUrl);
  const sockets = new Set<Socket>();
  const server = createServer((inside) => {
    const outside = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    inside.pipe(outside).pipe(inside);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the door has no port");
  const url = new URL(serviceUrl);
  url.host = `127.0.0.1:${address.port}`;
  return {
    url: url.href,
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    open: async () => {
      server.listen(address.port, "127.0.0.1");
      await once(server, "listening");
    },
  };
}
