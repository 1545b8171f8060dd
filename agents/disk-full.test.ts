// Full disks, real ones: what is not on the disk is not reported as applied, viewers are served through, and everything
// recovers by itself.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { documentFor, type SpawnedAgent } from "./test-agent.ts";
import { maySplitOff } from "./test-small-disk.ts";
import { startTestWorld, type TestWorld } from "./test-world.ts";

let world: TestWorld;

beforeEach(async () => {
  world = await startTestWorld();
});

afterEach(async () => {
  await world.stop();
});

async function fill({ disk }: SpawnedAgent): Promise<void> {
  await writeFile(join(disk, "filler"), Buffer.alloc(64 * 1024 * 1024)).catch((error: unknown) => {
    expect(String(error)).toContain("ENOSPC");
  });
}

/** It fits in no block that the journal has begun: those are not among the free ones. */
function putLongDocument(host: string): { readonly rev: number } {
  const id = randomUUID();
  const document = JSON.parse(documentFor(id, host, world.origin));
  const hosts = Array.from({ length: 50 }, (_, index) => `${"a".repeat(60)}.${"b".repeat(60)}.name-${index}.test`);
  const body = JSON.stringify({ ...document, hosts: [...hosts, host] });
  expect(body.length).toBeGreaterThan(4096);
  return world.controlPlane.put("document", id, body);
}

const statusOf = async (host: string, path = "/") =>
  await world.node.get(host, path).then(
    ({ status }) => status,
    () => 0,
  );

test.runIf(maySplitOff)(
  "a full disk of the state: nothing is reported that is not on it, and it recovers by itself",
  async () => {
    const { controlPlane, node, putDocument } = world;
    const { rev } = putDocument("before.example.com");
    const agent = node.spawn({}, { folder: "state", kb: 4096 });
    await controlPlane.untilReport(({ applied }) => applied === rev);
    await fill(agent);
    const late = putLongDocument("late.example.com");
    const pages = controlPlane.pagesServed();
    // It is asked for again and again.
    await expect.poll(() => controlPlane.pagesServed(), { timeout: 10_000 }).toBeGreaterThan(pages + 1);
    expect(controlPlane.reports.at(-1)?.applied).toBe(rev);
    expect(await statusOf("before.example.com")).toBe(200);
    expect(await statusOf("late.example.com")).toBe(421);
    await rm(join(agent.disk, "filler"));
    const report = await controlPlane.untilReport(({ applied }) => applied === late.rev, 20_000);
    expect(report).toMatchObject({ refused: [], state_hash: controlPlane.stateHash() });
    expect(await statusOf("late.example.com")).toBe(200);
  },
  60_000,
);

test.runIf(maySplitOff)(
  "a full disk of the cache: every answer arrives whole, and is stored again when there is room",
  async () => {
    const { controlPlane, node } = world;
    const sizes = { "/small": 1_000, "/large": 600_000 };
    /** Rejects when it is broken off. */
    const bytesOf = async (path: string): Promise<number> => {
      const headers = { host: "www.example.com" };
      const request = httpRequest({ host: "127.0.0.1", port: node.ports.http, path, headers, agent: false }).end();
      const [response]: IncomingMessage[] = await once(request, "response");
      let bytes = 0;
      for await (const chunk of response ?? []) bytes += Buffer.from(chunk).length;
      return bytes;
    };
    let asked = 0;
    const herd: (() => void)[] = [];
    const origin = createServer((request, response) => {
      asked += 1;
      if (request.url === "/herd") {
        const answer = () => response.writeHead(200, { "cache-control": "max-age=600" }).end("all");
        // The header of the first tells that nothing is kept.
        if (herd.push(answer) === 1) answer();
        return;
      }
      const size = request.url?.startsWith("/small") ? sizes["/small"] : sizes["/large"];
      response.writeHead(200, { "cache-control": "max-age=600", "content-length": size }).end(Buffer.alloc(size, "x"));
    });
    await once(origin.listen(0, "127.0.0.1"), "listening");
    const address = origin.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const id = randomUUID();
    const { rev } = controlPlane.put("document", id, documentFor(id, "www.example.com", { port }));
    const agent = node.spawn({}, { folder: "cache", kb: 16_384 });
    await controlPlane.untilReport(({ applied }) => applied === rev);
    await fill(agent);
    // nginx looks every half second.
    const log = join(node.home, "logs", "error.log");
    await expect.poll(() => readFile(log, "utf8"), { timeout: 5_000 }).toContain("the disk of the cache is full");
    for (let turn = 0; turn < 10; turn += 1) {
      for (const [path, size] of Object.entries(sizes)) {
        expect(await bytesOf(`${path}/${turn}`)).toBe(size);
      }
    }
    // Nobody waits for what is not going to be kept.
    const asking = Array.from({ length: 20 }, () => bytesOf("/herd"));
    await expect.poll(() => herd.length, { timeout: 3_000 }).toBe(asking.length);
    for (const answer of herd.slice(1)) answer();
    expect(new Set(await Promise.all(asking))).toEqual(new Set(["all".length]));
    await rm(join(agent.disk, "filler"));
    await expect
      .poll(
        async () => {
          await node.get("www.example.com", "/small/kept");
          const before = asked;
          await node.get("www.example.com", "/small/kept");
          return asked - before;
        },
        { timeout: 10_000 },
      )
      .toBe(0);
    origin.closeAllConnections();
    origin.close();
  },
  60_000,
);

test.runIf(maySplitOff)(
  "a full disk of the logs: viewers are served, what was written arrives once or is counted as lost, and it recovers",
  async () => {
    const { controlPlane, node, putDocument } = world;
    const { rev } = putDocument("www.example.com");
    const away = Array.from({ length: 1_000 }, () => "503" as const);
    controlPlane.misbehave.logs.push(...away);
    const agent = node.spawn({ ACCESS_LOG_DISK_FREE_MIN_MB: "1" }, { folder: "logs", kb: 4096 });
    await controlPlane.untilReport(({ applied }) => applied === rev);
    const ask = async (paths: readonly string[]) => {
      for (const path of paths) expect(await statusOf("www.example.com", path)).toBe(200);
    };
    const pathsOf = (lines: readonly string[]): string[] => lines.map((line) => JSON.parse(line).path);
    const pathsUnder = (name: string) => Array.from({ length: 20 }, (_, index) => `${name}/${index}`);
    const written = async (name: string) => {
      await ask(pathsUnder(name));
      await expect
        .poll(async () => pathsOf((await readFile(log, "utf8")).split("\n").slice(0, -1)), { timeout: 5_000 })
        .toEqual(expect.arrayContaining(pathsUnder(name)));
      return pathsUnder(name);
    };
    const log = join(agent.disk, "access.log");
    const before = await written("/before");
    await fill(agent);
    controlPlane.misbehave.logs.length = 0;
    // Where it stands is noted in room that it has kept.
    expect(pathsOf(await controlPlane.untilLogs((lines) => lines.length === before.length, 20_000))).toEqual(before);

    await rm(join(agent.disk, "filler"));
    controlPlane.misbehave.logs.push(...away);
    const given = await written("/given-up");
    await fill(agent);
    // While nobody takes lines, room for the serving is worth more than they are.
    const waiting = async () => {
      const names = (await readdir(agent.disk)).filter((name) => name.startsWith("access.log"));
      const texts = names.map((name) => readFile(join(agent.disk, name), "utf8").catch(() => ""));
      return (await Promise.all(texts)).join("");
    };
    await expect.poll(waiting, { timeout: 30_000 }).not.toContain("/given-up");
    // A change is reported at once.
    putDocument("other.example.com");
    const report = await controlPlane.untilReport(({ logs }) => (logs?.lost_lines ?? 0) > 0, 30_000);
    expect(report.logs).toMatchObject({ lost_lines: given.length, unsent_bytes: 0 });
    await fill(agent);
    await ask(pathsUnder("/unwritten"));

    await rm(join(agent.disk, "filler"));
    controlPlane.misbehave.logs.length = 0;
    const arrived = async () => {
      await ask(["/after"]);
      return pathsOf([...controlPlane.batches.values()].join("").split("\n").slice(0, -1));
    };
    await expect.poll(arrived, { timeout: 40_000, interval: 500 }).toContain("/after");
    const paths = await arrived();
    expect(paths.filter((path) => path.startsWith("/before"))).toEqual(before);
    expect(paths.filter((path) => path.startsWith("/given-up"))).toEqual([]);
  },
  100_000,
);
