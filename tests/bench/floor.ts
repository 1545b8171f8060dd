// What no design avoids: a change must reach two disks (the database's and the edge's) and be seen over one round trip.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Agent, request } from "undici";
import type { Product } from "../system/product.ts";
import { type Summary, summarise } from "./percentiles.ts";

const ROUNDS = 200;
const RECORD_BYTES = 1500;

export async function measureFloor(
  product: Product,
  folder: string,
): Promise<{ fsync_ms: Summary; edge_round_trip_ms: Summary }> {
  return { fsync_ms: summarise(await fsyncs(folder)), edge_round_trip_ms: summarise(await roundTrips(product)) };
}

async function fsyncs(folder: string): Promise<number[]> {
  const file = await open(join(folder, "floor"), "a");
  const record = Buffer.alloc(RECORD_BYTES, "x");
  const timesMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    await file.write(record);
    await file.datasync();
    timesMs.push(performance.now() - startedAt);
  }
  await file.close();
  return timesMs;
}

async function roundTrips({ edge }: Product): Promise<number[]> {
  const viewer = new Agent();
  const timesMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    const { body } = await request(`http://127.0.0.1:${edge.httpPort}/__edge/health`, {
      dispatcher: viewer,
      headers: { host: "localhost" },
    });
    await body.dump();
    timesMs.push(performance.now() - startedAt);
  }
  await viewer.close();
  return timesMs;
}
