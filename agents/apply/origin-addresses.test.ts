// Which origins are known, when they are looked up, and what nginx is told of them.
import { expect, test } from "vitest";
import { createLogger } from "../../platform/log.ts";
import type { Pins } from "./document.ts";
import { createOriginAddresses } from "./origin-addresses.ts";
import { ForbiddenAddress } from "./resolve.ts";

const log = createLogger({ role: "test", level: "silent" });

/** A DNS that says what `zone` holds; names that are not there fail, and "forbidden" leads nowhere allowed. */
function edgeWith(zone: Map<string, string[]>, remembered: Pins = {}) {
  const pinned: Record<string, readonly string[]> = {};
  const origins = createOriginAddresses({
    resolve: async ({ host }) => {
      if (host === "forbidden") throw new ForbiddenAddress("10.0.0.1");
      const found = zone.get(host);
      if (found === undefined) throw new Error("no answer");
      return found;
    },
    remembered,
    log,
  });
  const pin = () => origins.pin(async (pins) => void Object.assign(pinned, pins));
  return { origins, pinned, pin };
}

test("a new origin is resolved before it is pinned, by its name and port", async () => {
  const { origins, pinned, pin } = edgeWith(new Map([["a", ["192.0.2.2", "192.0.2.1"]]]));
  origins.note("one", [{ host: "a", port: 80 }]);
  await origins.settle(1_000);
  await pin();
  expect(pinned).toEqual({ "a:80": ["192.0.2.1", "192.0.2.2"] });
});

test("a name that begins to fail keeps its addresses; one that becomes forbidden loses them", async () => {
  const zone = new Map([["a", ["192.0.2.1"]]]);
  const { origins, pinned, pin } = edgeWith(zone);
  origins.note("one", [
    { host: "a", port: 80 },
    { host: "forbidden", port: 80 },
  ]);
  await origins.settle(1_000);
  zone.delete("a");
  await origins.refresh(1, new AbortController().signal);
  await pin();
  expect(pinned).toEqual({ "a:80": ["192.0.2.1"], "forbidden:80": [] });
});

test("a refresh by parts asks for every name once a round, none of them together", async () => {
  const asked: string[] = [];
  const origins = createOriginAddresses({
    resolve: async ({ host }) => {
      asked.push(host);
      return ["192.0.2.1"];
    },
    remembered: {},
    log,
  });
  const hosts = ["a", "b", "c", "d"];
  origins.note(
    "one",
    hosts.map((host) => ({ host, port: 80 })),
  );
  await origins.settle(1_000);
  asked.length = 0;
  const perStep: number[] = [];
  for (let step = 0; step < 8; step += 1) {
    const before = asked.length;
    await origins.refresh(1 / 8, new AbortController().signal);
    perStep.push(asked.length - before);
  }
  expect(asked).toEqual(hosts);
  expect(perStep).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
});

test("what an earlier run knew serves until DNS answers", async () => {
  const zone = new Map<string, string[]>();
  const { origins, pinned, pin } = edgeWith(zone, { "a:80": ["192.0.2.9"] });
  origins.note("one", [{ host: "a", port: 80 }]);
  await origins.settle(1_000);
  await pin();
  expect(pinned).toEqual({ "a:80": ["192.0.2.9"] });
  zone.set("a", ["192.0.2.1"]);
  await origins.refresh(1, new AbortController().signal);
  await pin();
  expect(pinned).toEqual({ "a:80": ["192.0.2.1"] });
});

test("an origin is forgotten with the last document that names it", async () => {
  const { origins } = edgeWith(new Map([["a", ["192.0.2.1"]]]));
  origins.note("one", [{ host: "a", port: 80 }]);
  origins.note("two", [{ host: "a", port: 80 }]);
  await origins.settle(1_000);
  origins.note("one", []);
  expect(origins.all()).toEqual({ "a:80": ["192.0.2.1"] });
  origins.note("two", []);
  expect(origins.all()).toEqual({});
});

test("addresses that could not be sent are sent with the next ones", async () => {
  const { origins, pinned, pin } = edgeWith(new Map([["a", ["192.0.2.1"]]]));
  origins.note("one", [{ host: "a", port: 80 }]);
  await origins.settle(1_000);
  await expect(
    origins.pin(async () => {
      throw new Error("nginx is away");
    }),
  ).rejects.toThrow("nginx is away");
  await pin();
  expect(pinned).toEqual({ "a:80": ["192.0.2.1"] });
});

test("a slow name does not hold the others up for longer than was said", async () => {
  let answer: (addresses: string[]) => void = () => {};
  const origins = createOriginAddresses({
    resolve: () => new Promise((resolve) => (answer = resolve)),
    remembered: {},
    log,
  });
  origins.note("one", [{ host: "slow", port: 80 }]);
  await origins.settle(20);
  expect(origins.all()).toEqual({});
  answer(["192.0.2.1"]);
  await expect.poll(() => origins.all()).toEqual({ "slow:80": ["192.0.2.1"] });
});
