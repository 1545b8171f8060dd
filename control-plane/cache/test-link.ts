// The wire between a process and a service, which tests cut, or on which they let nothing through. Tests only.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface TestLink {
  /** The service's URL by way of this wire. */
  readonly url: string;
  /** Breaks every connection and refuses new ones. */
  cut(): void;
  /** Says nothing more to whoever is connected; what they say still arrives. */
  muteAnswers(): void;
  /** How often they would have said this meanwhile. */
  held(text: string): number;
  /** Lets everything through again. */
  mend(): void;
  stop(): Promise<void>;
}

export async function createTestLink(serviceUrl: string): Promise<TestLink> {
  const service = new URL(serviceUrl);
  const sockets = new Set<Socket>();
  /** What was answered while the link was mute, by whom it is for. */
  const held = new Map<Socket, Buffer[]>();
  let state: "open" | "cut" | "muted" = "open";

  const server = createServer((near) => {
    if (state === "cut") {
      near.destroy();
      return;
    }
    const far = connect(Number(service.port), service.hostname);
    near.on("data", (bytes) => far.write(bytes));
    far.on("data", (bytes) => {
      if (state === "muted") held.set(near, [...(held.get(near) ?? []), bytes]);
      else near.write(bytes);
    });
    tie(near, far);
    tie(far, near);
  });

  function tie(one: Socket, other: Socket): void {
    sockets.add(one);
    one.setNoDelay(true);
    one.on("error", () => other.destroy());
    one.on("close", () => {
      sockets.delete(one);
      held.delete(one);
      other.destroy();
    });
  }

  function breakAll(): void {
    for (const socket of [...sockets]) socket.destroy();
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the link has no port");
  const url = new URL(serviceUrl);
  url.host = `127.0.0.1:${address.port}`;
  return {
    url: url.href,
    cut() {
      state = "cut";
      breakAll();
    },
    muteAnswers() {
      state = "muted";
    },
    held: (text) =>
      [...held.values()].reduce((sum, said) => sum + String(Buffer.concat(said)).split(text).length - 1, 0),
    mend() {
      state = "open";
      // All at once, as from a network that was stuck.
      for (const [near, answers] of held) near.write(Buffer.concat(answers));
      held.clear();
    },
    async stop() {
      server.close();
      breakAll();
      await once(server, "close");
    },
  };
}
