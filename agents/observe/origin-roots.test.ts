// Whose certificates of https origins are taken: the operator's file or the system's, always as one file for nginx.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeOriginRoots } from "./origin-roots.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-roots-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const written = () => readFile(join(folder, "origin-roots.pem"), "utf8");

test("without a file of its own, an edge believes whom the system believes", async () => {
  await writeOriginRoots(folder, undefined);
  expect((await written()).match(/-----BEGIN CERTIFICATE-----/g)?.length).toBeGreaterThan(50);
});

test("the operator's file takes the place of the system's, and another one that of the first", async () => {
  const file = join(folder, "own.pem");
  for (const name of ["one", "two"]) {
    const text = `# ${name}\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n`;
    await writeFile(file, text);
    await writeOriginRoots(folder, file);
    expect(await written()).toBe(text);
  }
});

test.each(["missing.pem", "empty.pem"])("a file without authorities (%s) is a setting to correct", async (name) => {
  await writeFile(join(folder, "empty.pem"), "");
  await expect(writeOriginRoots(folder, join(folder, name))).rejects.toThrow(/ORIGIN_CA_FILE/);
});
