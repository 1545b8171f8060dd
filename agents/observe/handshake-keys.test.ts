// The key files of handshakes: made once, readable for their owner alone.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureHandshakeKeys } from "./handshake-keys.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-keys-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const readAll = async () =>
  Promise.all((await readdir(folder)).sort().map((name) => readFile(join(folder, name), "utf8")));

test("keys are made once, all different, for their owner alone", async () => {
  await ensureHandshakeKeys(folder);
  expect((await readdir(folder)).sort()).toEqual(["quic.key", "ticket-1.key", "ticket-2.key", "ticket-3.key"]);
  for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  const made = await readAll();
  expect(new Set(made).size).toBe(4);
  // nginx takes tickets' keys of this very length.
  expect(made.map((text) => text.length)).toEqual([64, 80, 80, 80]);
  await ensureHandshakeKeys(folder);
  expect(await readAll()).toEqual(made);
});

test("a torn file is made anew", async () => {
  await ensureHandshakeKeys(folder);
  await writeFile(join(folder, "ticket-2.key"), "");
  await ensureHandshakeKeys(folder);
  expect((await stat(join(folder, "ticket-2.key"))).size).toBe(80);
});
