// Structures of an edge group on a real nginx: tried first, taken only when the listeners prove it.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdir, readlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pickPort } from "../../platform/embedded/ports.ts";
import type { Part } from "../../platform/lifecycle.ts";
import { findMaster } from "../observe/nginx-launch.ts";
import { createTestNode, documentFor, startTestOrigin, type TestNode, type TestOrigin } from "../test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "../test-control-plane.ts";
import { parseStructure } from "./structure.ts";

let controlPlane: TestControlPlane;
let node: TestNode;
let origin: TestOrigin;
let agent: Part;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  origin = await startTestOrigin();
  node = await createTestNode(controlPlane);
  putStructure(node.structure());
  const id = randomUUID();
  controlPlane.put("document", id, documentFor(id, "www.example.com", origin));
  agent = await node.start();
  await controlPlane.untilReport(({ structure, applied }) => structure === 1 && applied === 2);
});

afterEach(async () => {
  await node.remove();
  await origin.stop();
  await controlPlane.stop();
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
    /require\(\\"workers\\"\)\.begin\(\)/,
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
  const id = randomUUID();
  const next = controlPlane.put("document", id, documentFor(id, "next.example.com", origin));
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
  const id = randomUUID();
  putStructure('{"format":1,"files":[]}');
  const { rev } = controlPlane.put("document", id, documentFor(id, "beside.example.com", origin));
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report.refused).toMatchObject([{ kind: "structure", stage: "taste" }]);
  expect((await node.get("beside.example.com")).status).toBe(200);
});
