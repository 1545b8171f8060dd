import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ConfigError, readConfig, setting } from "./config.ts";

const schema = z.object({
  PORT: setting.port.default(80),
  KEY: z.string().regex(/^\d{8}$/, { error: "must be eight digits." }),
  OPEN: setting.flag.default(false),
  PEER: setting.url("https:").optional(),
  WORDS: setting.list((word) => /^[a-z]+$/.test(word), "a lower-case word.").default([]),
});

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "edgewright-config-"));
});

afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(text: string): string {
  const path = join(folder, "config.yaml");
  writeFileSync(path, text);
  return path;
}

test("a variable wins over the file, and what neither says is the default", () => {
  const file = fileWith("port: 8080\nKEY: 00000012\nopen: true\n");
  const config = readConfig(schema, { EDGEWRIGHT_CONFIG: file, PORT: "9090" });
  expect(config).toEqual({ PORT: 9090, KEY: "00000012", OPEN: true, WORDS: [] });
});

test("an empty variable is one that was not set", () => {
  const file = fileWith("key: '12345678'\n");
  expect(readConfig(schema, { EDGEWRIGHT_CONFIG: file, PORT: "" })).toMatchObject({ PORT: 80 });
});

test("all faults come at once, each with its setting and what would be right", () => {
  const wrong = () => readConfig(schema, { PORT: "many", KEY: "1", OPEN: "yes", PEER: "http://plain.example" });
  expect(wrong).toThrow(ConfigError);
  expect(wrong).toThrow(
    /4 faults.*PORT: must be a port.*KEY: must be eight.*OPEN: must be true or false.*PEER: .*https:/s,
  );
});

test("a list has its entries between commas, and a wrong one is named", () => {
  const words = (text: string) => readConfig(schema, { KEY: "12345678", WORDS: text }).WORDS;
  expect(words(" one, two ,,three")).toEqual(["one", "two", "three"]);
  expect(() => words("one,Two")).toThrow(/WORDS\.1: Two must be a lower-case word\./);
});

test("a file that is named and absent, or no flat map, is a fault of its own", () => {
  expect(() => readConfig(schema, { EDGEWRIGHT_CONFIG: join(folder, "absent.yaml") })).toThrow(/there is no file/);
  const file = fileWith("key:\n  nested: 1\n");
  expect(() => readConfig(schema, { EDGEWRIGHT_CONFIG: file })).toThrow(/flat map/);
});
