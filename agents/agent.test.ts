// The agent as a whole: a real nginx with the real Lua and real rendered files, against a small real control plane.
import { randomUUID } from "node:crypto";
import { appendFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { accessLogLineSchema } from "./contract.ts";
import { findProcesses } from "./observe/nginx-launch.ts";
import { documentFor, type TestNode, type TestOrigin } from "./test-agent.ts";
import type { TestControlPlane } from "./test-control-plane.ts";
import { startTestWorld, type TestWorld } from "./test-world.ts";

let world: TestWorld;
let controlPlane: TestControlPlane;
let node: TestNode;
let origin: TestOrigin;
let putDocument: TestWorld["putDocument"];
let putBadDocument: TestWorld["putBadDocument"];

beforeEach(async () => {
  world = await startTestWorld();
  ({ controlPlane, node, origin, putDocument, putBadDocument } = world);
});

afterEach(async () => {
  await world.stop();
});

test("a new edge enrols, runs the structure of its group and serves what the feed says", async () => {
  putDocument("www.example.com");
  await node.start();
  const report = await controlPlane.untilReport(({ applied, structure }) => applied === 2 && structure === 1);
  expect(report.refused).toEqual([]);
  expect(report.state_hash).toBe(controlPlane.stateHash());
  expect(await node.get("www.example.com", "/a")).toMatchObject({ status: 200, body: "origin says /a" });
});

test.runIf(process.getuid?.() === 0)(
  "started by root, workers are nobody where nobody can reach the files, and logs and reloads work all the same",
  async () => {
    const installation = await node.openToAll();
    putDocument("www.example.com");
    await node.start({ ACCESS_LOG_ROTATE_MB: 1 }, installation);
    await controlPlane.untilReport(({ applied }) => applied === 2);
    expect((await node.get("www.example.com", "/a")).status).toBe(200);
    const users = await Promise.all(
      (await findProcesses(node.home)).map(async (pid) => (await stat(`/proc/${pid}`)).uid),
    );
    expect(users.filter((uid) => uid === 65534).length).toBeGreaterThan(0);

    await fillLog();
    await expect.poll(() => rotatedLogs(), { timeout: 5_000 }).toHaveLength(1);
    const { rev } = controlPlane.put("structure", controlPlane.scope, node.structure().replace("64k", "32k"));
    await controlPlane.untilReport(({ structure }) => structure === rev);
    await node.get("www.example.com", "/after-the-rotation");
    await controlPlane.untilLogs((lines) => lines.some((text) => text.includes("/after-the-rotation")));
  },
);

test("a change is served, proven and reported within a second, and a removal takes the host away", async () => {
  await node.start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  const began = performance.now();
  const { id, rev } = putDocument("new.example.com");
  await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(performance.now() - began).toBeLessThan(1_000);
  expect((await node.get("new.example.com")).status).toBe(200);
  const removed = controlPlane.remove("document", id);
  const report = await controlPlane.untilReport(({ applied }) => applied === removed.rev);
  expect(report.state_hash).toBe(controlPlane.stateHash());
  expect((await node.get("new.example.com")).status).toBe(421);
});

test("one bad document is refused alone, keeps its last good version, and is forgiven when it is mended", async () => {
  const { id } = putDocument("keeps.example.com");
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === 2);
  const bad = putBadDocument(id);
  const other = putDocument("other.example.com");
  const report = await controlPlane.untilReport(({ applied }) => applied === other.rev);
  expect(report.refused).toMatchObject([{ kind: "document", id, rev: bad.rev, stage: "push" }]);
  expect(report.state_hash).toBe(controlPlane.stateHash());
  expect((await node.get("keeps.example.com")).status).toBe(200);
  expect((await node.get("other.example.com")).status).toBe(200);
  const good = putDocument("keeps.example.com", id);
  const mended = await controlPlane.untilReport(({ applied }) => applied === good.rev);
  expect(mended.refused).toEqual([]);
});

test("a record that nobody trusted signed is refused and not served", async () => {
  await node.start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  const id = randomUUID();
  const body = documentFor(id, "forged.example.com", origin);
  const signed = controlPlane.sign({ kind: "document", id, rev: controlPlane.rev() + 1, op: "put", body });
  controlPlane.append({ ...signed, signature: `${signed.signature.slice(0, -8)}AAAAAA==` });
  const report = await controlPlane.untilReport(({ applied }) => applied === signed.rev);
  expect(report.refused).toMatchObject([{ id, stage: "verify" }]);
  expect((await node.get("forged.example.com")).status).toBe(421);
});

test("more than twenty refusals at once stop the applying and raise the alarm; what was served is served on", async () => {
  putDocument("stays.example.com");
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === 2);
  for (let count = 0; count < 25; count += 1) putBadDocument();
  const report = await controlPlane.untilReport(({ refused }) => refused.length > 20);
  expect(report.applied).toBe(2);
  expect(node.alarms.join()).toContain("too many records are refused at once");
  expect((await node.get("stays.example.com")).status).toBe(200);
});

test.each([
  { name: "it starts with them", runs: false },
  { name: "it runs already", runs: true },
])("15 old bad documents of 2,000 do not keep a new edge from the others ($name)", async ({ runs }) => {
  if (runs) {
    await node.start();
    await controlPlane.untilReport(({ structure }) => structure === 1);
  }
  for (let count = 0; count < 15; count += 1) putBadDocument();
  for (let count = 0; count < 1_985; count += 1) putDocument(`host-${count}.example.com`);
  if (!runs) await node.start();
  const report = await controlPlane.untilReport(({ applied }) => applied === controlPlane.rev(), 20_000);
  expect(report.refused).toHaveLength(15);
  expect(report.state_hash).toBe(controlPlane.stateHash());
  expect((await node.get("host-1984.example.com")).status).toBe(200);
});

test("a removal beside forty bad documents is done though the rest is stopped, and mended documents end the alarm", async () => {
  const gone = putDocument("gone.example.com");
  putDocument("stays.example.com");
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === 3);
  const ids = Array.from({ length: 40 }, () => putBadDocument().id);
  controlPlane.remove("document", gone.id);
  const stopped = await controlPlane.untilReport(({ refused }) => refused.length > 20);
  expect(stopped.applied).toBe(3);
  expect((await node.get("gone.example.com")).status).toBe(421);
  expect((await node.get("stays.example.com")).status).toBe(200);

  for (const [place, id] of ids.entries()) putDocument(`mended-${place}.example.com`, id);
  const mended = await controlPlane.untilReport(({ applied }) => applied === controlPlane.rev(), 20_000);
  expect(mended.refused).toEqual([]);
  expect(mended.state_hash).toBe(controlPlane.stateHash());
  expect((await node.get("mended-39.example.com")).status).toBe(200);
  expect((await node.get("gone.example.com")).status).toBe(421);
});

test("a snapshot with too many bad documents takes what is gone all the same", async () => {
  const gone = putDocument("gone.example.com");
  putDocument("stays.example.com");
  const first = await node.start({ EDGE_KEEP_SERVING: true });
  await controlPlane.untilReport(({ applied }) => applied === 3);
  await first.stop();
  controlPlane.remove("document", gone.id);
  for (let count = 0; count < 40; count += 1) putBadDocument();
  controlPlane.makeCheckpoint({ forget: true });
  await node.start({ EDGE_KEEP_SERVING: true });
  const report = await controlPlane.untilReport(({ refused }) => refused.length > 20);
  expect(report.applied).toBe(3);
  await expect.poll(async () => (await node.get("gone.example.com")).status).toBe(421);
  expect((await node.get("stays.example.com")).status).toBe(200);
});

test("an edge that starts without its control plane serves what lies on its disk", async () => {
  putDocument("offline.example.com");
  const first = await node.start();
  await controlPlane.untilReport(({ applied }) => applied === 2);
  await first.stop();
  await controlPlane.stop();
  await node.start();
  expect((await node.get("offline.example.com")).status).toBe(200);
  await controlPlane.start();
  const { rev } = putDocument("later.example.com");
  await controlPlane.untilReport(({ applied }) => applied === rev);
  expect((await node.get("later.example.com")).status).toBe(200);
});

test("answers that cannot be are survived: a cut connection, no JSON, 503", async () => {
  controlPlane.misbehave.changes.push("cut", "not json", "503");
  const { rev } = putDocument("patient.example.com");
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === rev);
  expect((await node.get("patient.example.com")).status).toBe(200);
});

test("a snapshot brings what changed and takes what is gone, while the rest is served all along", async () => {
  const gone = putDocument("gone.example.com");
  putDocument("stays.example.com");
  const first = await node.start({ EDGE_KEEP_SERVING: true });
  await controlPlane.untilReport(({ applied }) => applied === 3);
  await first.stop();
  controlPlane.remove("document", gone.id);
  putDocument("new.example.com");
  controlPlane.makeCheckpoint({ forget: true });
  controlPlane.misbehave.snapshot.push("cut", "wrong digest", "wrong body");
  const seen = new Set<number>();
  let watching = true;
  const viewer = (async () => {
    while (watching) seen.add((await node.get("stays.example.com")).status);
  })();
  await node.start({ EDGE_KEEP_SERVING: true });
  const report = await controlPlane.untilReport(({ applied }) => applied === controlPlane.rev(), 15_000);
  watching = false;
  await viewer;
  expect([...seen]).toEqual([200]);
  expect(report.state_hash).toBe(controlPlane.stateHash());
  expect((await node.get("gone.example.com")).status).toBe(421);
  expect((await node.get("stays.example.com")).status).toBe(200);
  expect((await node.get("new.example.com")).status).toBe(200);
  expect(controlPlane.snapshotsServed()).toBe(4);
});

test.each([
  { name: "with a checkpoint", checkpoint: true },
  { name: "without a checkpoint", checkpoint: false },
])("a restored database is another feed ($name): its documents win, others leave", async ({ checkpoint }) => {
  const kept = putDocument("kept.example.com");
  const lost = putDocument("lost.example.com");
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === lost.rev);
  controlPlane.restore({ keep: ({ id }) => id !== lost.id, checkpoint });
  const changed = controlPlane.put("document", kept.id, documentFor(kept.id, "renamed.example.com", origin));
  const report = await controlPlane.untilReport(
    ({ feed_id, applied }) => feed_id === controlPlane.feedId() && applied === changed.rev,
  );
  expect(report.state_hash).toBe(controlPlane.stateHash());
  await expect.poll(async () => (await node.get("lost.example.com")).status).toBe(421);
  expect((await node.get("kept.example.com")).status).toBe(421);
  expect((await node.get("renamed.example.com")).status).toBe(200);
});

test("a control plane that says again and again to start over is asked with pauses, and followed when it relents", async () => {
  putDocument("www.example.com");
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === 2);
  controlPlane.makeCheckpoint();
  controlPlane.misbehave.changes.push("409", "409", "410");
  // The poll that waits is answered by this one; those after it are told to start over.
  putDocument("next.example.com");
  await controlPlane.untilReport(({ applied }) => applied === 3);
  const began = performance.now();
  await expect.poll(() => controlPlane.misbehave.changes.length, { timeout: 10_000 }).toBe(0);
  expect(controlPlane.snapshotsServed()).toBe(2);
  const last = putDocument("last.example.com");
  await controlPlane.untilReport(({ applied }) => applied === last.rev);
  // One to two seconds before the second time, two to four before the third.
  expect(performance.now() - began).toBeGreaterThan(2_900);
  expect(controlPlane.snapshotsServed()).toBe(3);
  expect((await node.get("www.example.com")).status).toBe(200);
});

test("a state that the control plane does not recognise is fetched anew", async () => {
  putDocument("www.example.com");
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === 2);
  controlPlane.makeCheckpoint();
  const reportsBefore = controlPlane.reports.length;
  controlPlane.askResync();
  putDocument("next.example.com");
  await expect.poll(() => controlPlane.snapshotsServed(), { timeout: 10_000 }).toBe(1);
  await controlPlane.untilReport(({ applied }) => applied === 3 && controlPlane.reports.length > reportsBefore);
  expect((await node.get("www.example.com")).status).toBe(200);
});

test("an nginx that is killed, workers and all, is back with everything within moments", async () => {
  putDocument("www.example.com");
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === 2);
  await node.killNginx();
  await expect
    .poll(
      () =>
        node.get("www.example.com").then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 10_000 },
    )
    .toBe(200);
  const { rev } = putDocument("after.example.com");
  await controlPlane.untilReport(({ applied }) => applied === rev);
});

test("what viewers asked is with the control plane within five seconds, also across a rotation of the log", async () => {
  const { id } = putDocument("www.example.com");
  await node.start({ ACCESS_LOG_ROTATE_MB: 1 });
  await controlPlane.untilReport(({ applied }) => applied === 2);
  const began = performance.now();
  await node.get("www.example.com", "/counted");
  const [line = ""] = await controlPlane.untilLogs((lines) => lines.length === 1);
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(accessLogLineSchema.parse(JSON.parse(line))).toMatchObject({
    distribution: id,
    path: "/counted",
    status: 200,
  });

  await appendFile(
    join(node.home, "logs", "access.log"),
    `${JSON.stringify({ filler: "x".repeat(1024) })}\n`.repeat(1_100),
  );
  await expect.poll(() => rotatedLogs(), { timeout: 5_000 }).toHaveLength(1);
  // nginx opens the new file within moments; until then it writes to the old one, which is sent too.
  await node.get("www.example.com", "/after-the-rotation");
  await controlPlane.untilLogs((lines) => lines.some((text) => text.includes("/after-the-rotation")));
  expect(await readdir(join(node.home, "logs"))).toContain("access.log");
});

/** A megabyte and a little. */
async function fillLog(): Promise<void> {
  const line = `${JSON.stringify({ filler: "x".repeat(1024) })}\n`;
  await appendFile(join(node.home, "logs", "access.log"), line.repeat(1_100));
}

async function rotatedLogs(): Promise<string[]> {
  return (await readdir(join(node.home, "logs"))).filter((name) => /^access\.log\.\d+$/.test(name));
}

test("a long journal is shortened by a checkpoint, and the next start serves all of it", async () => {
  const another = randomUUID();
  const first = await node.start();
  for (let count = 0; count < 2_100; count += 1) putDocument(`host-${count}.example.com`);
  await controlPlane.untilReport(({ applied }) => applied === 2_101);
  controlPlane.makeCheckpoint();
  putDocument("one-more.example.com");
  await controlPlane.untilReport(({ applied }) => applied === 2_102);
  await expect.poll(() => controlPlane.snapshotsServed()).toBe(1);
  // It takes its place between two pages of changes.
  const journalBytes = async () => {
    putDocument("another.example.com", another);
    await controlPlane.untilReport(({ applied }) => applied === controlPlane.rev());
    return (await stat(join(node.home, "state", "journal"))).size;
  };
  await expect.poll(journalBytes, { timeout: 10_000 }).toBeLessThan(20_000);
  await first.stop();
  await node.start();
  for (const host of ["host-0", "host-2099", "one-more", "another"]) {
    expect((await node.get(`${host}.example.com`)).status).toBe(200);
  }
  expect(controlPlane.snapshotsServed()).toBe(1);
});

test("20,000 changed documents in a snapshot are pushed, served and proven within seconds", async () => {
  const first = await node.start({ EDGE_KEEP_SERVING: true });
  await controlPlane.untilReport(({ structure }) => structure === 1);
  await first.stop();
  for (let count = 0; count < 20_000; count += 1) putDocument(`host-${count}.example.com`);
  controlPlane.makeCheckpoint({ forget: true });
  const began = performance.now();
  await node.start({ EDGE_KEEP_SERVING: true });
  const report = await controlPlane.untilReport(({ applied }) => applied === 20_001, 30_000);
  expect((performance.now() - began) / 1000).toBeLessThan(15);
  expect(report.documents).toBe(20_000);
  expect(report.state_hash).toBe(controlPlane.stateHash());
  expect((await node.get("host-19999.example.com")).status).toBe(200);
}, 60_000);
