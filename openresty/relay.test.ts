// Origins that nginx cannot ask by itself: interim answers (1xx) and codings that it does not know cost nobody anything, not
// even another request, on the newest nginx and on the oldest.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestAuthority } from "./test-authority.ts";
import { anOrigin } from "./test-feed.ts";
import { NGINXES } from "./test-nginxes.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const HINT = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Hint: 1\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n";
const NAME = "odd.origin.test";
const RESET_AFTER_MS = 200;
/** More than anybody sends before an answer. */
const HINTS = 30;

/** What the origin writes for each path, and whether it ends the connection then. */
const ANSWERS: Readonly<Record<string, string>> = {
  "/hinted": `${HINT}${OK}Content-Length: 4\r\n\r\nbody`,
  "/several": `HTTP/1.1 102 Processing\r\n\r\n${HINT}${HINT}${OK}Content-Length: 4\r\n\r\nbody`,
  "/chunked": `HTTP/1.1 100 Continue\r\n\r\n${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
  "/unknown-coding": `${OK}Transfer-Encoding: unheard-of\r\nConnection: close\r\n\r\nbody`,
  "/unknown-coding-and-length": `${HINT}${OK}Transfer-Encoding: unheard-of\r\nContent-Length: 2\r\n\r\nbody`,
  "/hinted-without-length": `${HINT}${OK.replace("1.1", "1.0")}\r\nbody`,
  "/bare-line-feeds": `${HINT}${OK}Content-Length: 4\r\n\r\nbody`.replaceAll("\r", ""),
  "/chunks-of-all-kinds": `${OK}Transfer-Encoding: chunked\r\n\r\n1;a="b"\r\nb\r\n003\nody\n0\r\nX-Trailer: 1\r\n\r\n`,
  "/plain": `${OK}Content-Length: 4\r\n\r\nbody`,
};

const RUBBISH: Readonly<Record<string, string>> = {
  "/torn": "HTTP/1.1 200 OK\r\nX-Never",
  "/no-http": "This is no HTTP.\r\n\r\n",
  "/hints-alone": HINT.repeat(HINTS),
};

/** Written, and then the connection is reset. */
const BROKEN_OFF: Readonly<Record<string, string>> = {
  "/broken/without-length": `${HINT}${OK}\r\nhalf`,
  "/broken/unknown-coding": `${OK}Transfer-Encoding: unheard-of\r\n\r\nhalf`,
  "/broken/length": `${HINT}${OK}Content-Length: 1000\r\n\r\nhalf`,
  "/broken/chunked": `${HINT}${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`,
};

const CHUNKS_IN_A_CODING: Readonly<Record<string, string>> = {
  "/coded/one-line": `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
  "/coded/two-lines": `${OK}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
};

const ENDED = new Set([
  "/unknown-coding",
  "/unknown-coding-and-length",
  "/hinted-without-length",
  ...Object.keys(RUBBISH),
]);

interface OddOrigin {
  readonly port: number;
  readonly heads: string[];
  stop(): Promise<void>;
}

async function startOddOrigin(certificate?: { key: string; cert: string }): Promise<OddOrigin> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const speak = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (head) => {
      heads.push(String(head));
      const path = String(head).split(" ")[1] ?? "";
      const text = { ...ANSWERS, ...RUBBISH, ...BROKEN_OFF, ...CHUNKS_IN_A_CODING }[path] ?? "";
      if (ENDED.has(path)) socket.end(text);
      else socket.write(text);
      // Not at once: a reset takes what was not read yet with it.
      if (path in BROKEN_OFF) setTimeout(() => socket.resetAndDestroy(), RESET_AFTER_MS);
    });
  };
  const server = certificate === undefined ? createServer(speak) : createTlsServer(certificate, speak);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the origin does not listen on a port");
  return {
    port: address.port,
    heads,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe.each(NGINXES)("%s", (_, nginx) => {
  let folder: string;
  let sites: TestSites;
  let plain: OddOrigin;
  let secure: OddOrigin;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "edgewright-relay-"));
    const authority = await createTestAuthority("Known");
    const originRoots = join(folder, "roots.pem");
    await writeFile(originRoots, authority.certificate);
    sites = await startTestSites({ originRoots, nginx: await nginx() });
    [plain, secure] = await Promise.all([startOddOrigin(), startOddOrigin(await authority.issue([NAME]))]);
    await sites.edge.pin({ [`${NAME}:${plain.port}`]: ["127.0.0.1"], [`${NAME}:${secure.port}`]: ["127.0.0.1"] });
  });

  afterAll(async () => {
    await Promise.all([sites?.stop(), plain?.stop(), secure?.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  const odd = (fields: Parameters<typeof anOrigin>[0] = {}): Promise<TestSite> =>
    sites.serve({ origins: [anOrigin({ host: NAME, sni: NAME, hostHeader: NAME, port: plain.port, ...fields })] });

  test.each(Object.keys(ANSWERS))("%s: its answer is served, and kept", async (path) => {
    const site = await odd();
    for (const cache of ["MISS", "HIT"]) {
      const answer = await site.ask(path);
      expect([answer.status, answer.headers["x-cache"], answer.body]).toEqual([200, cache, "body"]);
      expect(answer.headers).not.toHaveProperty("x-hint");
      expect(answer.headers).not.toHaveProperty("transfer-encoding", "unheard-of");
    }
  });

  test("each answer is asked for once, in the words of the viewer", async () => {
    const site = await odd();
    plain.heads.length = 0;
    const paths = ["/hinted", "/several", "/unknown-coding", "/plain"];
    for (const path of paths) await site.ask(path, { headers: ["X-Edge-Relay: forged", "X-Kind: one"] });
    expect(plain.heads.map((head) => head.split(" ")[1])).toEqual(paths);
    for (const head of plain.heads) {
      expect(head).toContain("X-Kind: one\r\n");
      expect(head).toMatch(new RegExp(`\\r\\nHost: ${NAME}\\r\\n`));
      expect(head).not.toMatch(/x-edge-|connection:/i);
    }
  });

  test("its certificate is looked at as nginx would", async () => {
    const right = await odd({ scheme: "https", port: secure.port });
    expect((await right.ask("/hinted")).status).toBe(200);
    expect((await right.ask("/several")).body).toBe("body");
    const wrong = await odd({ scheme: "https", port: secure.port, sni: "another.test" });
    expect((await wrong.ask("/hinted")).status).toBe(502);
    const unverified = await odd({ scheme: "https", port: secure.port, sni: "another.test", isTlsVerified: false });
    expect((await unverified.ask("/hinted")).body).toBe("body");
    expect((await unverified.ask("/several")).body).toBe("body");
  });

  test.each(Object.keys(RUBBISH))("%s is a 502, and no end of it", async (path) => {
    const site = await odd();
    expect((await site.ask(path)).status).toBe(502);
    expect((await site.ask("/plain")).body).toBe("body");
  });

  test.each(Object.keys(BROKEN_OFF))(
    "%s: an answer that breaks off is cut for the viewer, and never kept",
    async (path) => {
      const site = await odd();
      const ask = () =>
        site
          .ask(path)
          .then(({ status }) => status)
          .catch(() => "cut");
      expect(await ask()).toBe("cut");
      plain.heads.length = 0;
      expect(await ask()).toBe("cut");
      expect(plain.heads).not.toEqual([]);
    },
  );

  test.each(Object.keys(CHUNKS_IN_A_CODING))(
    "%s: chunks within another coding are a 502, never the body",
    async (path) => {
      const site = await odd();
      expect((await site.ask(path)).status).toBe(502);
    },
  );
});
