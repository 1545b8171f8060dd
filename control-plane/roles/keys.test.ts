import { randomBytes } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError, readConfig } from "../../platform/config.ts";
import { createLogger } from "../../platform/log.ts";
import { createSealOf } from "../../platform/seal.ts";
import { controlPlaneSchema } from "../config.ts";
import { openMasterKeys } from "./keys.ts";

const aKey = () => randomBytes(32).toString("hex");
const [first, second] = [aKey(), aKey()];

let folder: string;
let path: string;
let logged: PassThrough;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "edgewright-keys-"));
  path = join(folder, "master.key");
  logged = new PassThrough();
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(config: { MASTER_KEY?: string; MASTER_KEY_FILE?: string }) {
  return openMasterKeys(config, createLogger({ role: "test", level: "info", destination: logged }));
}

function openFile(content: string) {
  writeFileSync(path, content);
  return open({ MASTER_KEY_FILE: path });
}

const hexOf = (keys: ReturnType<typeof open>) => keys().map(({ bytes }) => bytes.toString("hex"));

describe("the master keys", () => {
  test("are the variable's, the first before the former ones", () => {
    expect(hexOf(open({ MASTER_KEY: first }))).toEqual([first]);
    expect(hexOf(open({ MASTER_KEY: `${first}, ${second}` }))).toEqual([first, second]);
  });

  test("are the file's lines, whatever is empty between them", () => {
    expect(hexOf(openFile(`${first}\n`))).toEqual([first]);
    expect(hexOf(openFile(`\n${first} \r\n\n${second}`))).toEqual([first, second]);
  });

  test("in the variable win over the file, which then nobody reads", () => {
    expect(hexOf(open({ MASTER_KEY: first, MASTER_KEY_FILE: join(folder, "absent") }))).toEqual([first]);
  });
});

describe("a fault names the setting and the cure", () => {
  const lines = (count: number) => Array.from({ length: count }, aKey).join("\n");

  test.each([
    ["", /MASTER_KEY_FILE: holds no key.*openssl rand -hex 32/],
    ["abc", /MASTER_KEY_FILE: key 1 must be 64 hex digits.*openssl rand -hex 32/],
    [`${first}\n${second.slice(1)}`, /MASTER_KEY_FILE: key 2 must be/],
    [`${first},${second}`, /MASTER_KEY_FILE: key 1 must be/],
    [lines(11), /MASTER_KEY_FILE: holds 11 keys: take out/],
  ])("of a file with %j", (content, expected) => {
    expect(() => openFile(content)).toThrow(expected);
    expect(() => openFile(content)).toThrow(ConfigError);
  });

  test("when there is neither variable nor file, or no such file", () => {
    expect(() => open({})).toThrow(/MASTER_KEY: is required \(or MASTER_KEY_FILE\).*openssl/);
    expect(() => open({ MASTER_KEY_FILE: path })).toThrow(`MASTER_KEY_FILE: ${path} cannot be read.`);
  });

  test.each(["abc", `${first},`, `${first} ${second}`, first.toUpperCase()])("of the variable %j", (MASTER_KEY) => {
    const read = () => readConfig(controlPlaneSchema.pick({ MASTER_KEY: true }), { MASTER_KEY });
    expect(read).toThrow(/MASTER_KEY: must be 64 hex digits.*openssl rand -hex 32/);
    // A key with a slip of the pen is still most of a key.
    expect(read).not.toThrow(MASTER_KEY);
  });
});

describe("a process that runs", () => {
  test("knows a key as soon as it stands in the file, and one that is taken out no more", () => {
    const keys = openFile(first);
    const seal = createSealOf(keys);
    const before = seal.seal("a secret", "test");
    writeFileSync(`${path}.new`, `${second}\n${first}\n`);
    renameSync(`${path}.new`, path);
    const after = seal.seal("a secret", "test");
    expect(after.key).toBe(keys()[0].id);
    expect(after.key).not.toBe(before.key);
    for (const sealed of [before, after]) expect(seal.open(sealed, "test")).toBe("a secret");
    writeFileSync(path, second);
    expect(seal.open(after, "test")).toBe("a secret");
    expect(() => seal.open(before, "test")).toThrow(before.key);
  });

  test.each([
    ["vanishes", () => rmSync(path)],
    ["is spoilt", () => writeFileSync(path, second.slice(0, 30))],
  ])(
    "goes on with the keys it has while the file %s, says so once, and reads it when it is right again",
    (_, spoil) => {
      const keys = openFile(`${first}\n${second}`);
      spoil();
      for (let times = 0; times < 3; times += 1) expect(hexOf(() => keys())).toEqual([first, second]);
      const said = String(logged.read()).trim().split("\n");
      expect(said).toHaveLength(1);
      expect(said[0]).toContain("those read before stay in use");
      expect(said[0]).not.toContain(second.slice(0, 30));
      writeFileSync(path, `${second}\n${first}`);
      expect(hexOf(keys)).toEqual([second, first]);
    },
  );
});
