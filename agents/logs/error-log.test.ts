// nginx's error log stays short, and what nginx says of a reload is found across the turn.
import { appendFile, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { markErrorLog } from "../observe/nginx-errors.ts";
import { createTestNode } from "../test-agent.ts";
import { startTestControlPlane } from "../test-control-plane.ts";

test("an error log of more than ten megabytes becomes error.log.1, and nginx writes to a new one", async () => {
  const controlPlane = await startTestControlPlane();
  const node = await createTestNode(controlPlane);
  onTestFinished(async () => {
    await node.remove();
    await controlPlane.stop();
  });
  controlPlane.put("structure", controlPlane.scope, node.structure());
  await node.start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  const path = join(node.home, "logs", "error.log");
  await appendFile(path, `${"x".repeat(1_023)}\n`.repeat(10 * 1_024 + 1));
  const sizeOf = (file: string) =>
    stat(file).then(
      ({ size }) => size,
      () => undefined,
    );
  await expect.poll(() => sizeOf(`${path}.1`), { timeout: 10_000 }).toBeGreaterThan(10 * 1_024 * 1_024);
  await expect.poll(() => sizeOf(path), { timeout: 10_000 }).toBeLessThan(1_024);
});

test("what nginx wrote before and after the log was turned over is read since the mark", async () => {
  const folder = await mkdtemp(join(tmpdir(), "edgewright-errors-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "error.log");
  const line = (message: string) => `2026/01/01 00:00:00 [emerg] 1#1: ${message}\n`;
  await writeFile(path, line("long ago"));
  const mark = await markErrorLog(path);
  await appendFile(path, line("before the turn"));
  await rename(path, `${path}.1`);
  await writeFile(path, line("after it"));
  expect(await mark.emergencies()).toEqual(["before the turn", "after it"]);
  expect(await readFile(`${path}.1`, "utf8")).toContain("long ago");
});
