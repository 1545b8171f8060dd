// For processes.test.ts: a process of its own with a cache over things, which does what it is told and says when.
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import { openThings, staleFor } from "./test-things.ts";

const [databaseUrl, redisUrl] = z.tuple([z.string(), z.string()]).parse(process.argv.slice(2));
const orderSchema = z.discriminatedUnion("do", [
  z.object({ do: z.literal("write"), id: z.string() }),
  z.object({ do: z.literal("read"), id: z.string() }),
  z.object({ do: z.literal("follow"), id: z.string(), version: z.int() }),
  z.object({ do: z.literal("live") }),
  z.object({ do: z.literal("start"), seed: z.int(), ids: z.array(z.string()), clients: z.int() }),
  z.object({ do: z.literal("progress"), deeds: z.int() }),
  z.object({ do: z.literal("finish") }),
]);
type Order = z.output<typeof orderSchema>;

interface Deed {
  readonly kind: "read" | "write";
  readonly id: string;
  readonly version: number;
  readonly from: number;
  readonly to: number;
}

const things = openThings({ databaseUrl, redisUrl });
let deeds: Deed[] = [];
let isRunning = false;
let fromMemoryBefore = 0;
let clients: Promise<unknown> = Promise.resolve();

/** One clock for all processes of a machine. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function perform(order: Order): Promise<unknown> {
  switch (order.do) {
    case "write":
      return { version: await things.write(order.id), at: now() };
    case "read":
      return { version: (await things.version(order.id)) ?? 0, at: now() };
    case "follow": {
      const startedAt = now();
      const staleMs = await staleFor(
        () => things.version(order.id),
        (version = 0) => version >= order.version,
      );
      return { lastStaleFrom: startedAt + staleMs };
    }
    case "live":
      return things.live();
    case "start":
      isRunning = true;
      deeds = [];
      fromMemoryBefore = await things.counted("memory");
      clients = Promise.all(
        Array.from({ length: order.clients }, (_, index) => runClient(order.ids, randomFrom(order.seed + index))),
      );
      return undefined;
    case "progress": {
      const aim = deeds.length + order.deeds;
      while (deeds.length < aim) await setImmediate();
      return undefined;
    }
    case "finish":
      isRunning = false;
      await clients;
      return { deeds, fromMemory: (await things.counted("memory")) - fromMemoryBefore };
  }
}

async function runClient(ids: readonly string[], random: () => number): Promise<void> {
  while (isRunning) {
    const id = ids[Math.floor(random() * ids.length)] ?? "";
    const kind = random() < 0.12 ? "write" : "read";
    const from = now();
    const version = kind === "write" ? await things.write(id) : ((await things.version(id)) ?? 0);
    deeds.push({ kind, id, version, from, to: now() });
    await setImmediate();
  }
}

/** mulberry32: the same deeds for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

process.on("message", (message) => {
  const { order, number } = z.object({ order: orderSchema, number: z.int() }).parse(message);
  perform(order).then(
    (answer) => process.send?.({ number, answer }),
    (error: unknown) => process.send?.({ number, failure: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
