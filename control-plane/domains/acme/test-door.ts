// A door in front of an authority, for tests: it can keep an answer to itself, so that whoever asked may be killed between what
// the authority did and hearing of it; and it remembers what was asked.

import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request as forward } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeLoopbackCertificate } from "../../../platform/embedded/loopback-certificate.ts";
import type { TestPebble } from "../../../platform/embedded/test-pebble.ts";

export interface TestDoor {
  readonly directoryUrl: string;
  readonly caFile: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** The next answer whose request is for such a path is kept until the connection is gone; resolves once it is. */
  keepAnswer(path: RegExp): Promise<void>;
  /** Behind it from now on, such as another authority at the same address. */
  leadTo(pebble: TestPebble): void;
  stop(): Promise<void>;
}

interface Kept {
  readonly path: RegExp;
  readonly tell: () => void;
}

export async function startTestDoor(first: TestPebble): Promise<TestDoor> {
  let pebble = first;
  let kept: Kept | undefined;
  const asked: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "edgewright-door-"));
  const files = { certificate: join(folder, "door.crt"), key: join(folder, "door.key") };
  makeLoopbackCertificate(files);

  const server = createServer(
    { cert: readFileSync(files.certificate), key: readFileSync(files.key) },
    (asking, reply) => {
      asked.push(asking.url ?? "");
      pass(pebble, asking, reply, () => {
        if (kept === undefined || !kept.path.test(asking.url ?? "")) return false;
        const { tell } = kept;
        kept = undefined;
        tell();
        return true;
      });
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the door has no port");
  return {
    directoryUrl: `https://127.0.0.1:${address.port}/dir`,
    caFile: files.certificate,
    asked,
    keepAnswer: (path) =>
      new Promise((tell) => {
        kept = { path, tell };
      }),
    leadTo: (next) => {
      pebble = next;
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Host and all: the authority makes its addresses from it. */
function pass(pebble: TestPebble, asking: IncomingMessage, reply: ServerResponse, isKept: () => boolean): void {
  const { port } = new URL(pebble.directoryUrl);
  const { method, headers, url: path } = asking;
  const ca = readFileSync(pebble.caFile);
  const onward = forward({ host: "127.0.0.1", port, ca, method, path, headers, agent: false }, (answer) => {
    if (isKept()) {
      answer.resume();
      return;
    }
    reply.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(reply);
  });
  onward.on("error", () => reply.destroy());
  asking.pipe(onward);
}
