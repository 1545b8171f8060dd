// Structures of an edge group on a real nginx: tried first, taken only when the listeners prove it.
import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readdir, readlink } from "node:fs/promises";
import {
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pickPort } from "../../platform/embedded/ports.ts";
import type { Part } from "../../platform/lifecycle.ts";
import { findMaster } from "../observe/nginx-launch.ts";
import { documentFor, type TestNode } from "../test-agent.ts";
import type { TestControlPlane } from "../test-control-plane.ts";
import { startTestWorld, type TestWorld } from "../test-world.ts";
import { listenersOf, parseStructure } from "./structure.ts";

let world: TestWorld;
let controlPlane: TestControlPlane;
let node: TestNode;
let agent: Part;

beforeEach(async () => {
  world = await startTestWorld();
  ({ controlPlane, node } = world);
  world.putDocument("www.example.com");
  agent = await node.start();
  await controlPlane.untilReport(({ structure, applied }) => structure === 1 && applied === 2);
});

afterEach(async () => {
  await world.stop();
});

function putStructure(body: string): number {
  return controlPlane.put("structure", controlPlane.scope, body).rev;
}

/** The group's structure with one more line at the end of a file. */
function withLine(path: string, line: string): string {
  const structure = parseStructure(node.structure());
  const files = structure.files.map((file) =>
    file.path === path ? { ...file, text: `${file.text}\n${line}\n` } : file,
  );
  return JSON.stringify({ ...structure, files });
}

async function servesStill(): Promise<boolean> {
  return (await node.get("www.example.com")).status === 200;
}

test("a new structure is taken without a new nginx, and the one before stays on the disk", async () => {
  const master = await findMaster(node.home);
  const rev = putStructure(withLine("log.conf", "# another line"));
  await controlPlane.untilReport(({ structure, applied }) => structure === rev && applied === rev);
  expect(await findMaster(node.home)).toBe(master);
  expect(await readlink(join(node.home, "current"))).toBe(`structure/${rev}`);
  expect((await readdir(join(node.home, "structure"))).sort()).toEqual(["1", `${rev}`]);
  expect(await servesStill()).toBe(true);
});

test("files that nginx does not understand are refused by the taste; the real nginx never sees them", async () => {
  const rev = putStructure(withLine("log.conf", "no_such_directive on;"));
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report).toMatchObject({ structure: 1, refused: [{ kind: "structure", rev, stage: "taste" }] });
  expect(report.refused[0]?.message).toContain("no_such_directive");
  expect(await readlink(join(node.home, "current"))).toBe("structure/1");
  expect(await servesStill()).toBe(true);
});

test("files whose workers crash, which `nginx -t` would not notice, are refused by the taste", async () => {
  const whole = node.structure();
  const crashing = whole.replace(
    /require\(\\"workers\\"\)\.begin\(\{[^}]*\}\)/,
    'require(\\"ffi\\").cast(\\"int *\\", 0)[0] = 1',
  );
  expect(crashing).not.toBe(whole);
  const rev = putStructure(crashing);
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report).toMatchObject({ structure: 1, refused: [{ stage: "taste" }] });
  expect(report.refused[0]?.message).toContain("exited on signal 11");
  expect(await servesStill()).toBe(true);
});

test("a listener that cannot be had is refused by the reload, and the edge goes back to what it had", async () => {
  const port = await pickPort();
  const squatter = createServer().listen(port, "127.0.0.1");
  await once(squatter, "listening");
  const rev = putStructure(node.structure({ http: port }));
  const report = await controlPlane.untilReport(({ applied }) => applied === rev, 30_000);
  squatter.close();
  expect(report).toMatchObject({ structure: 1, refused: [{ kind: "structure", rev, stage: "reload" }] });
  expect(report.refused[0]?.message).toContain(`127.0.0.1:${port}`);
  expect(await readlink(join(node.home, "current"))).toBe("structure/1");
  expect(await servesStill()).toBe(true);
  const next = world.putDocument("next.example.com");
  await controlPlane.untilReport(({ applied }) => applied === next.rev);
}, 60_000);

test("an nginx that cannot start, its port being taken, starts on the port that a new structure names", async () => {
  await agent.stop();
  const squatter = createServer().listen(node.ports.http, "127.0.0.1");
  await once(squatter, "listening");
  await node.start();
  expect(node.alarms.join()).toContain("nginx does not start");
  const rev = putStructure(node.structure({ http: await pickPort() }));
  const report = await controlPlane.untilReport(({ applied }) => applied === rev, 15_000);
  squatter.close();
  expect(report).toMatchObject({ structure: rev, refused: [] });
}, 40_000);

test("documents of the same page are served although the structure beside them is refused", async () => {
  putStructure('{"format":1,"files":[]}');
  const { rev } = world.putDocument("beside.example.com");
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report.refused).toMatchObject([{ kind: "structure", stage: "taste" }]);
  expect((await node.get("beside.example.com")).status).toBe(200);
});

test("a burst of ten structures is one reload", async () => {
  await agent.stop();
  const port = await pickPort();
  await node.start({ AGENT_METRICS_ADDRESS: [{ host: "127.0.0.1", port }] });
  await controlPlane.untilReport(({ boot_id }) => boot_id !== controlPlane.reports[0]?.boot_id);
  let last = 0;
  for (let count = 0; count < 10; count += 1) {
    last = putStructure(withLine("log.conf", `# line ${count}`));
    await delay(20);
  }
  const beside = world.putDocument("beside.example.com");
  await controlPlane.untilReport(({ structure, applied }) => structure === last && applied === beside.rev, 20_000);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toContain("edgewright_edge_nginx_reloads_total 1\n");
  expect((await node.get("beside.example.com")).status).toBe(200);
});

/** More than lies in nginx's buffers before it answers. */
const BEGINNING = "x".repeat(1024 * 1024);

/** How a viewer without any time-out gets it. */
async function download(host: string, path: string): Promise<"whole" | "cut"> {
  const request = httpRequest({ host: "127.0.0.1", port: node.ports.http, path, headers: { host }, agent: false });
  const [response]: IncomingMessage[] = await once(request.end(), "response");
  let bytes = 0;
  try {
    for await (const chunk of response ?? []) bytes += Buffer.from(chunk).length;
  } catch {
    return "cut";
  }
  return bytes === BEGINNING.length + 3 ? "whole" : "cut";
}

test("a slow download survives a reload, and one that never ends is ended by the workers' time-out", async () => {
  const open = new Map<string, ServerResponse>();
  const asked = new EventEmitter();
  const slow = createHttpServer((request, response) => {
    response.writeHead(200, { "cache-control": "no-store", "content-length": BEGINNING.length + 3 }).write(BEGINNING);
    open.set(request.url ?? "", response);
    asked.emit("request");
  });
  await once(slow.listen(0, "127.0.0.1"), "listening");
  const address = slow.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const id = randomUUID();
  controlPlane.put("document", id, documentFor(id, "slow.example.com", { port }));
  const short = node.structure().replace("worker_shutdown_timeout 60s", "worker_shutdown_timeout 10s");
  expect(short).not.toBe(node.structure());
  const first = putStructure(short);
  await controlPlane.untilReport(({ structure }) => structure === first);
  const downloads = [download("slow.example.com", "/slow"), download("slow.example.com", "/endless")];
  while (open.size < 2) await once(asked, "request");
  const next = putStructure(short.replace("64k", "32k"));
  await controlPlane.untilReport(({ structure }) => structure === next);
  open.get("/slow")?.end("end");
  expect(await downloads[0]).toBe("whole");
  expect(await downloads[1]).toBe("cut");
  expect(await servesStill()).toBe(true);
  slow.closeAllConnections();
  slow.close();
}, 60_000);

test("no port that an edge listens on is an origin of its own", () => {
  const structure = parseStructure(node.structure({ http: 8001, https: 8002, parent: 8003 }));
  expect(listenersOf(structure)).toEqual([8001, 8002, 8003].map((port) => ({ host: "*", port })));
});
