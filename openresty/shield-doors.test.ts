// Who may ask whom in an origin shield, and what becomes of viewers when parents are away.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { connect as connectPlainly, type Socket } from "node:net";
import { connect } from "node:tls";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { edgeServerName } from "../agents/contract.ts";
import { makeAuthority, openAuthority } from "../control-plane/domains/edge-node/authority.ts";
import { oldestTestNginx } from "../platform/embedded/test-services.ts";
import { edgeAt, identityOf, type ShieldEdge, startTestShield, type TestShield } from "./test-shield.ts";
import { answering } from "./test-site.ts";
import type { Answer } from "./test-viewer.ts";

let shield: TestShield;
let child: ShieldEdge;
let other: ShieldEdge;
let parent: ShieldEdge;

beforeAll(async () => {
  shield = await startTestShield({ parents: 2, children: 2 });
  [child, other] = [edgeAt(shield.children, 0), edgeAt(shield.children, 1)];
  parent = edgeAt(shield.parents, 0);
});
afterAll(() => shield?.stop());
beforeEach(async () => {
  shield.origin.seen.length = 0;
  shield.origin.handle(answering({ "cache-control": "max-age=600" }));
  await shield.point(shield.parents);
});

const DIRECTLY = ["edgewright; fwd=miss"];
const THROUGH_BOTH = ["edgewright-parent; fwd=miss", "edgewright; fwd=miss"];

/** Who answered and how, without the numbers. */
function cacheStatus({ lines }: Answer): string[] {
  return lines.flatMap((line) => /^cache-status: (\S+ [^;]+)/i.exec(line)?.[1] ?? []);
}

/** Cache-Status, in haste. */
async function ask({ edge }: ShieldEdge, host: string, path: string): Promise<string> {
  const reply = await request(`http://127.0.0.1:${edge.httpPort}${path}`, { headers: { host } });
  await reply.body.dump();
  return String(reply.headers["cache-status"]);
}

/** Of how many groups the origin's requests came through. */
const groupsOfRequests = () =>
  shield.origin.seen.map(({ headers }) => headers["cdn-loop"]?.toString().split(", ").length);

describe("the listener for children", () => {
  type Shown = ReturnType<TestShield["identity"]>;

  async function answerTo(shown: Shown | undefined, host: string, distribution: string): Promise<string> {
    const { port, parentGroup, authority } = shield;
    const socket = connect({
      ...{ host: parent.address, port, ca: authority.certificatePem },
      servername: edgeServerName({ edgeId: parent.id, groupId: parentGroup }),
      ...(shown && { cert: shown.certificate, key: shown.key.export({ type: "pkcs8", format: "pem" }) }),
    });
    socket.on("error", () => {});
    const lines = ["GET /door HTTP/1.1", `Host: ${host}`, `X-Edge-Distribution: ${distribution}`, "Connection: close"];
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    await closed(socket);
    return text;
  }

  test("answers an edge of a child group", async () => {
    const site = await shield.serve();
    const shown = shield.identity({ edgeId: randomUUID(), groupId: shield.childGroup });
    expect(await answerTo(shown, site.host, site.distribution.id)).toMatch(/^HTTP\/1.1 200 /);
  });

  test("has not a byte for anybody else", async () => {
    const site = await shield.serve();
    const answer = (shown: Shown | undefined) => answerTo(shown, site.host, site.distribution.id);
    const foreign = openAuthority(await makeAuthority(new Date()));
    const edgeId = randomUUID();
    expect(await answer(undefined)).toBe("");
    expect(await answer(identityOf(foreign, { edgeId, groupId: shield.childGroup }))).toBe("");
    expect(await answer(shield.identity({ edgeId, groupId: randomUUID() }))).toBe("");
    expect(await answer(shield.identity({ edgeId, groupId: shield.parentGroup }))).toBe("");
    expect(shield.origin.seen).toEqual([]);
  });

  test("has none for an edge that was removed, from that moment on", async () => {
    const site = await shield.serve();
    const children = [shield.childGroup];
    const ids = [child.id, other.id];
    const tell = (child_nodes: string[]) =>
      Promise.all(shield.parents.map((one) => one.shield({ parent: null, children, child_nodes })));
    await tell(ids);
    // Over connections that are there already, too.
    for (const one of [child, other]) {
      expect(cacheStatus(await site.ask(one, `/known-${one.id}`))).toEqual(THROUGH_BOTH);
    }
    await tell([other.id]);
    expect(cacheStatus(await site.ask(child, "/removed"))).toEqual(DIRECTLY);
    expect(cacheStatus(await site.ask(other, "/stays"))).toEqual(THROUGH_BOTH);
    await tell(ids);
    expect(cacheStatus(await site.ask(child, "/again"))).toEqual(THROUGH_BOTH);
  });

  test("has none for what it does not hold, and none for who speaks no TLS", async () => {
    const site = await shield.serve();
    const shown = shield.identity({ edgeId: randomUUID(), groupId: shield.childGroup });
    expect(await answerTo(shown, site.host, randomUUID())).toBe("");
    expect(await answerTo(shown, "unknown.test", site.distribution.id)).toBe("");
    const socket = connectPlainly({ host: parent.address, port: shield.port });
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.write(`GET / HTTP/1.1\r\nHost: ${site.host}\r\n\r\n`);
    await closed(socket);
    expect(text).toBe("");
  });
});

describe("a viewer", () => {
  const FORGED = ["X-Edge-Child: 1", "X-Edge-Min-Epoch: 99999999999999", "X-Edge-Parent: x", "X-Edge-Kept: 9999"];

  test("cannot speak to the edges in their own language", async () => {
    const site = await shield.serve();
    expect(cacheStatus(await site.ask(child, "/forged", { headers: FORGED }))).toEqual(THROUGH_BOTH);
    expect((await site.ask(child, "/forged", { headers: FORGED })).headers["x-cache"]).toBe("HIT");
    // Nor to a parent, which serves viewers, too.
    const holders = await Promise.all(
      shield.parents.map(async ({ address, edge }) => {
        const headers = { host: site.host, "x-edge-min-epoch": "99999999999999", "x-edge-child": "1" };
        const reply = await request(`http://${address}:${edge.httpPort}/forged`, { headers });
        await reply.body.dump();
        return reply.headers["x-cache"];
      }),
    );
    expect(holders.sort()).toEqual(["HIT", "MISS"]);
    const names = shield.origin.seen.flatMap(({ headers }) => Object.keys(headers));
    expect(names.filter((name) => name.startsWith("x-edge"))).toEqual([]);
  });
});

describe("a child", () => {
  test("believes the very edge that it was told of, and no other of the same authority", async () => {
    const site = await shield.serve();
    await shield.point([{ ...parent, id: randomUUID() }]);
    expect(cacheStatus(await site.ask(child, "/another-edge"))).toEqual(DIRECTLY);
    expect(await child.edge.errorLog()).toContain("upstream SSL certificate does not match");
  });

  test("asks for one URL where every other child does", async () => {
    const site = await shield.serve();
    const paths = Array.from({ length: 30 }, (_, index) => `/spread-${index}`);
    for (const path of paths) await ask(child, site.host, path);
    for (const path of paths) expect(await ask(other, site.host, path)).toMatch(/^edgewright-parent; hit/);
    expect(shield.origin.seen).toHaveLength(paths.length);
  });

  test("moves only what an edge held that leaves", async () => {
    const site = await shield.serve();
    const paths = Array.from({ length: 30 }, (_, index) => `/leaving-${index}`);
    for (const path of paths) await ask(child, site.host, path);
    await shield.point([parent]);
    let hits = 0;
    for (const path of paths) if ((await ask(other, site.host, path)).startsWith("edgewright-parent; hit")) hits += 1;
    expect(hits).toBeGreaterThan(0);
    expect(shield.origin.seen).toHaveLength(paths.length + (paths.length - hits));
  });
});

describe("the origin's failure", () => {
  test("is handed on, and asks nobody twice", async () => {
    const site = await shield.serve();
    shield.origin.handle(answering({ "x-why": "busy" }, 503));
    const answer = await site.ask(child, "/busy");
    expect([answer.status, answer.headers["x-why"], answer.body]).toEqual([503, "busy", "GET /busy"]);
    expect(shield.origin.seen).toHaveLength(1);
  });

  test("to answer at all is told as one, and the child does not try by itself", async () => {
    const site = await shield.serve();
    shield.origin.handle((_, response) => response.destroy());
    expect((await site.ask(child, "/gone")).status).toBe(502);
    expect(new Set(groupsOfRequests())).toEqual(new Set([2]));
  });

  test("leaves viewers with what is there, wherever it is", async () => {
    const site = await shield.serve();
    shield.origin.handle(answering({ "cache-control": "max-age=0, stale-if-error=600", etag: '"1"' }));
    expect((await site.ask(child, "/stale")).status).toBe(200);
    shield.origin.handle((_, response) => response.destroy());
    for (const one of [child, other]) {
      const answer = await site.ask(one, "/stale");
      expect([answer.status, answer.body]).toEqual([200, "GET /stale"]);
    }
  });
});

// These end edges: they come last.
describe("a parent that is away", () => {
  test("costs no request when it is killed under load, nor when it comes back", async () => {
    const site = await shield.serve();
    const statuses: number[] = [];
    let next = 0;
    async function load(until: () => boolean): Promise<void> {
      while (!until()) {
        next += 1;
        const reply = await request(`http://127.0.0.1:${child.edge.httpPort}/load-${next}`, {
          headers: { host: site.host },
        });
        statuses.push((await reply.body.text()).length > 0 ? reply.statusCode : 0);
      }
    }
    const loads = (until: () => boolean) => Promise.all(Array.from({ length: 8 }, () => load(until)));
    await loads(() => statuses.length >= 100);
    const [under] = await Promise.all([loads(() => statuses.length >= 500), kill(parent)]);
    expect(under).toHaveLength(8);
    await parent.restart();
    await loads(() => statuses.length >= 700);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  test("as the last one leaves the origin to the child, at once, until it is there", async () => {
    const site = await shield.serve();
    for (const one of shield.parents) await kill(one);
    for (const path of ["/away-1", "/away-2"]) {
      expect(cacheStatus(await site.ask(other, path))).toEqual(DIRECTLY);
    }
    expect(groupsOfRequests()).toEqual([1, 1]);
    for (const one of shield.parents) await one.restart();
    expect(cacheStatus(await site.ask(other, "/there"))).toEqual(THROUGH_BOTH);
  });

  test("when a child begins is no matter either", async () => {
    const site = await shield.serve();
    for (const one of shield.parents) await kill(one);
    await other.restart();
    expect((await site.ask(other, "/begin")).status).toBe(200);
  });
});

/** However it came to that. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("close", () => resolve());
  });
}

/** Without a word: its workers and whatever else it has begun, too. */
async function kill({ edge }: ShieldEdge): Promise<void> {
  const master = edge.master();
  const children = await readFile(`/proc/${master}/task/${master}/children`, "utf8");
  for (const pid of [master, ...children.split(" ").filter(Boolean).map(Number)]) process.kill(pid, "SIGKILL");
}

describe("the oldest nginx that an edge may run", () => {
  test("is a parent and a child, too, and goes on when the parent is killed", async () => {
    const nginx = await oldestTestNginx();
    const old = await startTestShield({ parents: 2, children: 1, edges: { nginx } });
    try {
      old.origin.handle(answering({ "cache-control": "max-age=600" }));
      const [first, asking] = [edgeAt(old.parents, 0), edgeAt(old.children, 0)];
      const site = await old.serve();
      expect(cacheStatus(await site.ask(asking, "/a"))).toEqual(THROUGH_BOTH);
      await kill(first);
      for (let index = 0; index < 10; index += 1) {
        expect(cacheStatus(await site.ask(asking, `/killed-${index}`))).toEqual(THROUGH_BOTH);
      }
    } finally {
      await old.stop();
    }
  });
});
