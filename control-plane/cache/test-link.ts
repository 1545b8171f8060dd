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
  /** Lets everything through again. */
  mend(): void;
  stop(): Promise<void>;
}

export async function createTestLink(serviceUrl: string): Promise<TestLink> {
  const service = new URL(serviceUrl);
  const sockets = new Set<Socket>();
  const answering = new Set<Socket>();
  let state: "open" | "cut" | "muted" = "open";

  const server = createServer((near) => {
    const far = connect(Number(service.port), service.hostname);
    if (state === "cut") {
      near.destroy();
      far.destroy();
      return;
    }
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        answering.delete(one);
        other.destroy();
      });
      one.setNoDelay(true);
    }
    answering.add(far);
    near.on("data", (bytes) => far.write(bytes));
    far.on("data", (bytes) => near.write(bytes));
    if (state === "muted") far.pause();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the link has no port");
  const url = new URL(serviceUrl);
  url.host = `127.0.0.1:${address.port}`;

  const breakAll = () => {
    for (const socket of [...sockets]) socket.destroy();
  };
  return {
    url: url.href,
    cut() {
      state = "cut";
      breakAll();
    },
    muteAnswers() {
      state = "muted";
      for (const socket of answering) socket.pause();
    },
    mend() {
      state = "open";
      for (const socket of answering) socket.resume();
    },
    async stop() {
      server.close();
      breakAll();
      await once(server, "close");
    },
  };
}
