// Origin addresses on the disk: what a change costs, what a crash leaves, when the file is written anew.
import { appendFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../platform/log.ts";
import { createOriginAddresses } from "./origin-addresses.ts";
import { openPinsFile, readPins } from "./pins-file.ts";

let home: string;
let file: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "edgewright-pins-"));
  await mkdir(join(home, "state"));
  file = join(home, "state", "addresses");
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

async function openPins() {
  let address = "192.0.2.1";
  const found = await readPins(home);
  const log = createLogger({ role: "test", level: "silent" });
  const origins = createOriginAddresses({ resolve: async () => [address], remembered: found.pins, log });
  return {
    name: (documentId: string, ...hosts: string[]) => {
      origins.note(
        documentId,
        hosts.map((host) => ({ host, port: 80 })),
      );
      return origins.settle(5_000);
    },
    moveTo: (next: string) => {
      address = next;
      return origins.refresh(1, new AbortController().signal);
    },
    file: openPinsFile(home, found, origins),
  };
}

const names = (count: number) => Array.from({ length: count }, (_, place) => `origin-${place}.example.com`);

test("a change appends its own lines, and an origin that is gone a line without addresses", async () => {
  const pins = await openPins();
  await pins.name("one", "a");
  await pins.file.write();
  await pins.name("two", "b");
  await pins.file.write();
  await pins.name("one");
  await pins.file.write();
  await pins.file.write();
  expect(await readFile(file, "utf8")).toBe("a:80 192.0.2.1\nb:80 192.0.2.1\na:80\n");
  expect((await readPins(home)).pins).toEqual({ "b:80": ["192.0.2.1"] });
});

test("a new origin among 10,000 others costs one line", async () => {
  const pins = await openPins();
  await pins.name("many", ...names(10_000));
  await pins.file.write();
  const before = await readFile(file, "utf8");
  await pins.name("one", "new");
  await pins.file.write();
  expect(await readFile(file, "utf8")).toBe(`${before}new:80 192.0.2.1\n`);
});

test("a line that a crash tore is cut off, and the next one begins a line", async () => {
  const first = await openPins();
  await first.name("one", "a");
  await first.file.write();
  await appendFile(file, "b:80 192.0.");
  const second = await openPins();
  await second.name("three", "c");
  await second.file.write();
  expect(await readFile(file, "utf8")).toBe("a:80 192.0.2.1\nc:80 192.0.2.1\n");
});

test("a file that is mostly history is written anew, with what is known now", async () => {
  const pins = await openPins();
  await pins.name("many", ...names(2_000));
  await pins.file.write();
  await pins.file.shorten();
  const live = (await readFile(file)).length;
  await pins.moveTo("192.0.2.2");
  await pins.file.write();
  await pins.file.shorten();
  expect((await readFile(file)).length).toBe(2 * live);
  await pins.moveTo("192.0.2.3");
  await pins.file.write();
  await pins.file.shorten();
  expect((await readFile(file)).length).toBe(live);
  expect((await readPins(home)).pins["origin-7.example.com:80"]).toEqual(["192.0.2.3"]);
});

test("an append that fails is made up for with the next one", async () => {
  const pins = await openPins();
  await pins.name("one", "a");
  await rm(join(home, "state"), { recursive: true });
  await expect(pins.file.write()).rejects.toThrow("ENOENT");
  await mkdir(join(home, "state"));
  await pins.file.write();
  expect((await readPins(home)).pins).toEqual({ "a:80": ["192.0.2.1"] });
});
