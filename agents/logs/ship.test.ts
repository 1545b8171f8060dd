// The access log's way to the control plane: every line once, whatever breaks on the way.
import { randomUUID } from "node:crypto";
import { appendFile, link, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../platform/log.ts";
import { LOG_BATCH_BYTES_MAX } from "../contract.ts";
import { type ControlPlane, createControlPlane } from "../control-plane-client.ts";
import { enrol, type Identity } from "../identity/identity.ts";
import { createTokenSource } from "../identity/token.ts";
import { startTestControlPlane, type TestControlPlane } from "../test-control-plane.ts";
import { toControlPlane } from "./destination.ts";
import { AGENT_PAUSES, noShippingCounts, type Shipping, shipLogs, standingOfLogs } from "./ship.ts";

let controlPlane: TestControlPlane;
let client: ControlPlane;
let folder: string;
let identity: Identity;
let stop: () => Promise<void>;
let reopened: number;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  folder = await mkdtemp(join(tmpdir(), "edgewright-logs-"));
  client = createControlPlane({ url: controlPlane.url, token: createTokenSource(() => identity) });
  const capabilities = { nginx: "1.26.3", http3: true, http2_directive: true, balancer_keepalive: true, brotli: true };
  const wish = { token: controlPlane.token, name: "logs", capabilities };
  const signal = AbortSignal.timeout(60_000);
  identity = await enrol(join(folder, "identity"), wish, (request) => client.enrol(request, signal));
  reopened = 0;
  stop = async () => {};
});

afterEach(async () => {
  await stop();
  await client.close();
  await controlPlane.stop();
  await rm(folder, { recursive: true });
});

function ship(settings: Partial<Shipping> = {}): void {
  const stopping = new AbortController();
  const running = shipLogs(
    {
      folder,
      edgeId: () => identity.edgeId,
      rotateBytes: 1024 * 1024 * 1024,
      unsentBytesMax: 1024 * 1024 * 1024,
      diskFreeBytesMin: 0,
      destination: toControlPlane(client),
      counts: noShippingCounts(),
      reopen: () => {
        reopened += 1;
      },
      log: createLogger({ role: "test", level: "silent" }),
      pauses: { lookEveryMs: 50, againAfterMs: 30 },
      ...settings,
    },
    stopping.signal,
  );
  stop = async () => {
    stopping.abort();
    await running;
  };
}

let written = 0;
/** Writes lines as nginx does and returns their ids. */
async function write(count: number, padding = ""): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, place) => `line-${written + place}`);
  written += count;
  await appendFile(join(folder, "access.log"), ids.map((id) => `${JSON.stringify({ id, padding })}\n`).join(""));
  return ids;
}

function idsOf(lines: readonly string[]): string[] {
  return lines.map((line) => JSON.parse(line).id);
}

async function position(): Promise<{ pending: unknown; lost_lines: number; files: Record<string, number> }> {
  return JSON.parse(await readFile(join(folder, "shipped.json"), "utf8"));
}

test("lines arrive within two seconds, in order, and those written later follow", async () => {
  ship({ pauses: AGENT_PAUSES });
  const first = await write(3);
  const began = performance.now();
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length === 3))).toEqual(first);
  expect(performance.now() - began).toBeLessThan(2_000);
  const second = await write(2);
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length === 5))).toEqual([...first, ...second]);
});

test("a batch that was refused for now, and one whose answer was lost, are sent again with the same name and bytes", async () => {
  controlPlane.misbehave.logs.push("503", "cut after taking");
  const ids = await write(10);
  ship();
  await expect.poll(async () => (await position()).pending, { timeout: 10_000 }).toBeNull();
  expect(controlPlane.logPosts()).toBe(3);
  expect(controlPlane.batches.size).toBe(1);
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length === 10))).toEqual(ids);
  expect(controlPlane.retries()).toEqual([false, true, true]);
});

test("an agent that was killed after a batch arrived sends that batch again as it was, with what came since behind it", async () => {
  controlPlane.misbehave.logs.push("cut after taking", ...Array.from({ length: 50 }, () => "503" as const));
  const first = await write(4);
  ship();
  await controlPlane.untilLogs((lines) => lines.length === 4);
  await stop();
  const second = await write(4);
  controlPlane.misbehave.logs.length = 0;
  ship();
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length === 8))).toEqual([...first, ...second]);
  expect(controlPlane.batches.size).toBe(2);
});

test("a line that is not whole yet waits for its end", async () => {
  ship();
  await appendFile(join(folder, "access.log"), '{"id":"half"');
  const [whole] = await write(0);
  expect(whole).toBeUndefined();
  await appendFile(join(folder, "access.log"), ',"rest":true}\n');
  expect(await controlPlane.untilLogs((lines) => lines.length === 1)).toEqual(['{"id":"half","rest":true}']);
});

test("a torn line, as a killed nginx leaves it, goes along for the taker to leave out, and the others arrive", async () => {
  await appendFile(join(folder, "access.log"), '{"id":"to{"id":"rn"}\n');
  const ids = await write(2);
  ship();
  const [torn, ...others] = await controlPlane.untilLogs((lines) => lines.length === 3);
  expect(torn).toBe('{"id":"to{"id":"rn"}');
  expect(idsOf(others)).toEqual(ids);
});

test("many megabytes go out in few large batches, and nothing is sent twice or left out", async () => {
  const ids = await write(12_000, "x".repeat(6_000));
  ship();
  const lines = await controlPlane.untilLogs((got) => got.length === 12_000, 20_000);
  expect(idsOf(lines)).toEqual(ids);
  const sizes = [...controlPlane.batches.values()].map((text) => text.length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(LOG_BATCH_BYTES_MAX);
  expect(sizes.length).toBeLessThan(4);
});

test("a long log is rotated; what nginx still writes to the old file before it opens the new one is sent too", async () => {
  const first = await write(20, "x".repeat(100));
  ship({ rotateBytes: 1_000 });
  await expect.poll(() => reopened, { timeout: 5_000 }).toBe(1);
  const [rotated = ""] = (await readdir(folder)).filter((name) => name.startsWith("access.log."));
  await appendFile(join(folder, rotated), '{"id":"late"}\n');
  const second = await write(1);
  const lines = await controlPlane.untilLogs((got) => got.length === 22);
  expect(idsOf(lines)).toEqual([...first, "late", ...second]);
});

test("a control plane that is away for too long costs the oldest lines, counted, and not the disk", async () => {
  controlPlane.misbehave.logs.push(...Array.from({ length: 200 }, () => "503" as const));
  await write(30, "x".repeat(100));
  await rename(join(folder, "access.log"), join(folder, "access.log.0000000000001"));
  const kept = await write(5, "x".repeat(100));
  ship({ unsentBytesMax: 2_000 });
  await expect.poll(async () => (await position()).lost_lines, { timeout: 10_000 }).toBe(30);
  controlPlane.misbehave.logs.length = 0;
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length === 5, 60_000))).toEqual(kept);
}, 70_000);

test("a new file by the inode of one that was given up is read from its start, though nobody takes lines in between", async () => {
  controlPlane.misbehave.logs.push(...Array.from({ length: 200 }, () => "503" as const));
  await write(30, "x".repeat(100));
  // Holds on to the inode, as a file system does that gives it to the next file.
  await link(join(folder, "access.log"), join(folder, "same-inode"));
  await rename(join(folder, "access.log"), join(folder, "access.log.0000000000001"));
  const kept = await write(5, "x".repeat(100));
  await rename(join(folder, "access.log"), join(folder, "access.log.0000000000002"));
  const { ino } = await stat(join(folder, "same-inode"));
  ship({ unsentBytesMax: 2_000 });
  await expect
    .poll(position, { timeout: 10_000 })
    .toMatchObject({ lost_lines: 30, removing: [], files: expect.not.objectContaining({ [ino]: expect.anything() }) });
  await stop();
  await truncate(join(folder, "same-inode"), 0);
  await rename(join(folder, "same-inode"), join(folder, "access.log"));
  const fresh = await write(33, "x".repeat(100));
  expect((await stat(join(folder, "access.log"))).ino).toBe(ino);
  controlPlane.misbehave.logs.length = 0;
  ship();
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length >= 38, 20_000))).toEqual([...kept, ...fresh]);
  expect((await position()).lost_lines).toBe(30);
}, 40_000);

test("an agent that was killed before it removed a file that it has given up removes it, and counts and sends none of it again", async () => {
  await write(30);
  await rename(join(folder, "access.log"), join(folder, "access.log.0000000000001"));
  const ids = await write(2);
  const noted = { files: {}, pending: null, lost_lines: 30, losses: [], removing: ["access.log.0000000000001"] };
  await writeFile(join(folder, "shipped.json"), JSON.stringify(noted));
  ship();
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length >= 2))).toEqual(ids);
  await expect.poll(position).toMatchObject({ lost_lines: 30, removing: [] });
  expect((await readdir(folder)).filter((name) => name.startsWith("access.log"))).toEqual(["access.log"]);
});

test("what was noted of a file that is gone is forgotten before anything new is sent", async () => {
  await writeFile(
    join(folder, "shipped.json"),
    JSON.stringify({ files: { "1": 4_000 }, pending: null, lost_lines: 0 }),
  );
  controlPlane.misbehave.logs.push(...Array.from({ length: 200 }, () => "503" as const));
  await write(2);
  ship();
  await expect.poll(position).toMatchObject({ files: expect.not.objectContaining({ "1": 4_000 }) });
  expect(await position()).toMatchObject({ pending: { start: 0 } });
});

test("a disk without room costs the oldest unsent lines, counted with the time that they are of", async () => {
  controlPlane.misbehave.logs.push(...Array.from({ length: 200 }, () => "503" as const));
  const times = ["1777896000.120", "1777896001.000", "1777896059.500"];
  await appendFile(join(folder, "access.log"), times.map((time) => `${JSON.stringify({ time })}\n`).join(""));
  const counts = noShippingCounts();
  ship({ diskFreeBytesMin: Number.MAX_SAFE_INTEGER, counts });
  await expect.poll(() => standingOfLogs(counts, Date.now()).lost_lines, { timeout: 10_000 }).toBe(3);
  expect(standingOfLogs(counts, Date.now())).toMatchObject({
    ...{ behind_since: null, unsent_bytes: 0 },
    losses: [{ from: 1_777_896_000_120, to: 1_777_896_059_500, lines: 3, at: expect.any(Number) }],
  });
  expect(reopened).toBe(1);
  expect((await readdir(folder)).filter((name) => name.startsWith("access.log"))).toEqual([]);
  controlPlane.misbehave.logs.length = 0;
  const ids = await write(2);
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length === 2, 40_000))).toEqual(ids);
}, 60_000);

test("lines that wait are told with the time of the oldest, until they have arrived", async () => {
  controlPlane.misbehave.logs.push(...Array.from({ length: 200 }, () => "503" as const));
  await appendFile(join(folder, "access.log"), `${JSON.stringify({ time: "1777896000.120" })}\n`);
  const counts = noShippingCounts();
  ship({ counts });
  const behind = () => standingOfLogs(counts, 1_777_896_060_000).behind_since;
  await expect.poll(behind, { timeout: 5_000 }).toBe(1_777_896_000_120);
  expect(standingOfLogs(counts, 1_777_896_005_000).behind_since).toBeNull();
  controlPlane.misbehave.logs.length = 0;
  await expect.poll(behind, { timeout: 10_000 }).toBeNull();
}, 20_000);

test("an hour away: a dozen rotated files and the current one arrive once, in order and with their own times", async () => {
  const [rotatedFiles, linesEach, hourMs] = [12, 40, 3_600_000];
  const beganMs = Date.now() - hourMs;
  const timeOf = (index: number) => beganMs + Math.floor((index * hourMs) / ((rotatedFiles + 1) * linesEach));
  const lines = Array.from({ length: (rotatedFiles + 1) * linesEach }, (_, index) =>
    JSON.stringify({ id: `hour-${index}`, time: (timeOf(index) / 1000).toFixed(3) }),
  );
  for (let file = 0; file <= rotatedFiles; file += 1) {
    const name = file === rotatedFiles ? "access.log" : `access.log.${timeOf((file + 1) * linesEach)}`;
    const its = lines.slice(file * linesEach, (file + 1) * linesEach);
    await writeFile(join(folder, name), its.map((line) => `${line}\n`).join(""));
  }
  await controlPlane.stop();
  const counts = noShippingCounts();
  ship({ counts });
  const standing = () => standingOfLogs(counts, Date.now());
  await expect.poll(standing, { timeout: 5_000 }).toMatchObject({
    behind_since: beganMs,
    unsent_bytes: lines.join("\n").length + 1,
    lost_lines: 0,
  });
  controlPlane.misbehave.logs.push("cut after taking");
  await controlPlane.start();
  expect(await controlPlane.untilLogs((got) => got.length >= lines.length, 20_000)).toEqual(lines);
  await expect.poll(standing, { timeout: 5_000 }).toMatchObject({ behind_since: null, unsent_bytes: 0, lost_lines: 0 });
  const late = await write(1);
  const all = await controlPlane.untilLogs((got) => got.length > lines.length);
  expect(idsOf(all.slice(lines.length))).toEqual(late);
}, 40_000);

test("a batch that is too large for whoever takes it goes in smaller ones", async () => {
  controlPlane.misbehave.logs.push("413", "413");
  const ids = await write(6_000, "x".repeat(1_000));
  ship();
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length === 6_000, 20_000))).toEqual(ids);
  expect(Math.max(...[...controlPlane.batches.values()].map((text) => text.length))).toBeLessThan(2 * 1024 * 1024);
});

test("a batch that may have arrived is not cut, also when it is too large now; what follows is smaller", async () => {
  controlPlane.misbehave.logs.push("cut after taking", "413");
  const first = await write(1_000, "x".repeat(1_000));
  ship();
  await controlPlane.untilLogs((lines) => lines.length === 1_000, 20_000);
  const second = await write(1_000, "x".repeat(1_000));
  const lines = await controlPlane.untilLogs((got) => got.length === 2_000, 20_000);
  expect(idsOf(lines)).toEqual([...first, ...second]);
  const [whole = "", ...smaller] = [...controlPlane.batches.values()];
  expect(whole.split("\n").length - 1).toBe(1_000);
  expect(Math.max(...smaller.map((text) => text.length))).toBeLessThan(whole.length * 0.6);
});

test("a batch that the control plane refuses for good is set aside and counted, and those behind it arrive", async () => {
  controlPlane.misbehave.logs.push("400", "400", "400", "400", "400");
  await write(3);
  const counts = noShippingCounts();
  ship({ counts });
  await expect
    .poll(() => readdir(folder).then((names) => names.filter((name) => name.startsWith("set-aside."))), {
      timeout: 18_000,
    })
    .toHaveLength(1);
  const ids = await write(2);
  expect(idsOf(await controlPlane.untilLogs((lines) => lines.length === 2))).toEqual(ids);
  await expect.poll(() => counts.lostLines).toBe(3);
}, 40_000);

test("the same bytes of another edge are another batch", async () => {
  await write(1);
  ship();
  await controlPlane.untilLogs((lines) => lines.length === 1);
  await stop();
  await rm(join(folder, "shipped.json"));
  ship({ edgeId: () => randomUUID() });
  await controlPlane.untilLogs((lines) => lines.length === 2);
  expect(controlPlane.batches.size).toBe(2);
});
