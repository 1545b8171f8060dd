// An edge whose credential is worth nothing any more finds its way back by a token, and serves on while there is none.
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestNode, documentFor, startTestOrigin, type TestNode, type TestOrigin } from "../test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "../test-control-plane.ts";
import { certificateRequest, openKey } from "./key.ts";

let controlPlane: TestControlPlane;
let wiped: TestControlPlane;
let node: TestNode;
let origin: TestOrigin;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  wiped = await startTestControlPlane();
  origin = await startTestOrigin();
  node = await createTestNode(controlPlane);
  controlPlane.put("structure", controlPlane.scope, node.structure());
  putDocument(controlPlane, "before.example.com");
  const first = await node.start();
  await controlPlane.untilReport(({ applied }) => applied === 2);
  await first.stop();
});

afterEach(async () => {
  await node.remove();
  await origin.stop();
  await controlPlane.stop();
  await wiped.stop();
});

function putDocument(on: TestControlPlane, host: string): number {
  const id = randomUUID();
  return on.put("document", id, documentFor(id, host, origin)).rev;
}

function enrolmentFile(): string {
  return join(node.home, "identity", "enrolment.json");
}

/** As if the machine had been off for longer than a certificate lives. */
async function endCertificate(): Promise<void> {
  const key = await openKey(join(node.home, "identity", "key.pem"));
  const ended = controlPlane.issueFor(certificateRequest(key, "edge"), { lifetimeMs: -60_000 });
  const reply = JSON.parse(await readFile(enrolmentFile(), "utf8"));
  await writeFile(enrolmentFile(), JSON.stringify({ ...reply, certificate: ended }));
}

function status(host: string): Promise<number> {
  return node.get(host).then((answer) => answer.status);
}

test("after its certificate has ended the edge enrols again and follows the same feed on", async () => {
  await endCertificate();
  const restarted = await node.start();
  expect(await status("before.example.com")).toBe(200);
  const rev = putDocument(controlPlane, "after.example.com");
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report.state_hash).toBe(controlPlane.stateHash());
  expect(await status("after.example.com")).toBe(200);
  expect([controlPlane.enrolments(), controlPlane.snapshotsServed()]).toEqual([2, 0]);

  await restarted.stop();
  await node.start({ EDGE_ENROLMENT_TOKEN: undefined });
  const later = putDocument(controlPlane, "later.example.com");
  await controlPlane.untilReport(({ applied }) => applied === later);
});

test.each([
  { name: "with a checkpoint", checkpoint: true },
  { name: "without a checkpoint", checkpoint: false },
])(
  "in front of another control plane ($name) it enrols there, and what only the former one had leaves",
  async ({ checkpoint }) => {
    wiped.put("structure", wiped.scope, node.structure());
    const rev = putDocument(wiped, "new.example.com");
    if (checkpoint) wiped.makeCheckpoint();
    await node.start({ CONTROL_PLANE_URL: wiped.url });
    const report = await wiped.untilReport(({ feed_id, applied }) => feed_id === wiped.feedId() && applied === rev);
    expect(report.state_hash).toBe(wiped.stateHash());
    expect(report.refused).toEqual([]);
    expect(await status("new.example.com")).toBe(200);
    await expect.poll(() => status("before.example.com")).toBe(421);
    expect(wiped.enrolments()).toBe(1);

    await node.killNginx();
    await expect.poll(() => status("new.example.com").catch(() => 0), { timeout: 10_000 }).toBe(200);
  },
);

test("enrolled into another group of the same feed, it serves that group's documents, whose revisions count from 1", async () => {
  const id = randomUUID();
  const putShared = (host: string) => controlPlane.put("document", id, documentFor(id, host, origin));
  const former = putShared("former.example.com");
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === former.rev);
  controlPlane.moveToAnotherGroup();
  putShared("moved.example.com");
  const { rev } = controlPlane.put("structure", controlPlane.scope, node.structure());
  const report = await controlPlane.untilReport(
    ({ applied, structure, state_hash }) =>
      applied === rev && structure === rev && state_hash === controlPlane.stateHash(),
    20_000,
  );
  expect(report.refused).toEqual([]);
  expect(await status("moved.example.com")).toBe(200);
  for (const host of ["former", "before"]) expect(await status(`${host}.example.com`)).toBe(421);
});

test.each([
  { name: "no token", token: undefined, tries: 0 },
  { name: "a token that enrols nobody", token: "used-up-token-of-twenty-letters", tries: 1 },
])("with $name it says once what would help, tries no more, and serves on", async ({ token, tries }) => {
  await node.start({ CONTROL_PLANE_URL: wiped.url, EDGE_ENROLMENT_TOKEN: token });
  const told = () => node.alarms.filter((line) => line.includes("edgewright edge:enrol"));
  await expect.poll(told).toHaveLength(1);
  const refusals = wiped.refusals();
  await expect.poll(() => wiped.refusals() - refusals, { timeout: 10_000 }).toBeGreaterThan(3);
  expect(told()).toHaveLength(1);
  expect(wiped.enrolments()).toBe(tries);
  expect(await status("before.example.com")).toBe(200);
});

test("a fresh token in the token's file is found without a restart", async () => {
  const file = join(node.home, "token");
  await writeFile(file, "used-up-token-of-twenty-letters\n");
  wiped.put("structure", wiped.scope, node.structure());
  await node.start({
    CONTROL_PLANE_URL: wiped.url,
    EDGE_ENROLMENT_TOKEN: undefined,
    EDGE_ENROLMENT_TOKEN_FILE: file,
  });
  await expect.poll(() => wiped.enrolments()).toBe(1);
  await writeFile(file, `${wiped.token}\n`);
  await wiped.untilReport(({ structure }) => structure === 1, 20_000);
  expect(wiped.enrolments()).toBe(2);
});
