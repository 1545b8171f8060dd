// Proof that the edge serves what it was given: asks the real listener, host by host, which revision answers.
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Refusal } from "../contract.ts";
import { parseJson } from "./document.ts";
import { askAsViewer, type Door } from "./viewer-request.ts";

export interface Expectation {
  readonly host: string;
  readonly id: string;
  readonly rev: number;
}

export interface Probing {
  readonly door: Door;
  /** Asked each time: nginx makes a new one when it starts. */
  readonly secret: () => string;
  readonly signal: AbortSignal;
}

const replySchema = z.object({ id: z.string(), rev: z.int() });

const PARALLEL = 8;
const PATIENCE_MS = 3_000;
const ONE_TRY_MS = 2_000;
/** A snapshot is proven by sample. */
export const SAMPLE_SIZE = 50;

/** Returns one refusal per document that is not served as expected. */
export async function probe(expectations: readonly Expectation[], probing: Probing): Promise<Refusal[]> {
  const refused = new Map<string, Refusal>();
  const left = expectations.values();
  const work = async () => {
    for (let next = left.next(); !next.done; next = left.next()) {
      const { id, rev, host } = next.value;
      if (refused.has(id)) continue;
      const fault = await findFault(next.value, probing);
      if (fault !== undefined)
        refused.set(id, { kind: "document", id, rev, stage: "probe", message: `${host}: ${fault}` });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return [...refused.values()];
}

/** Evenly over the list, so that no part of it goes unproven twice in a row. */
export function sampleOf<T>(items: readonly T[], size: number): readonly T[] {
  if (items.length <= size) return items;
  const step = items.length / size;
  const start = Math.random() * step;
  return Array.from({ length: size }, (_, place) => items[Math.floor(start + place * step)]).filter(
    (item) => item !== undefined,
  );
}

async function findFault(expected: Expectation, probing: Probing): Promise<string | undefined> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let waitMs = 10; ; waitMs = Math.min(waitMs * 2, 200)) {
    const fault = await findFaultNow(expected, probing);
    if (fault === undefined || Date.now() + waitMs > deadline) return fault;
    await delay(waitMs, undefined, { signal: probing.signal });
  }
}

/** One try, without patience. */
export async function findFaultNow(
  { host, id, rev }: Expectation,
  { door, secret }: Probing,
): Promise<string | undefined> {
  const headers = { "x-edge-probe": secret() };
  try {
    const answer = await askAsViewer({ door, host: aHostOf(host), path: "/", headers, timeoutMs: ONE_TRY_MS });
    if (answer.status !== 200) return `answered ${answer.status}`;
    const reply = replySchema.safeParse(parseJson(answer.body));
    if (!reply.success) return "the probe was answered by something else";
    if (reply.data.id !== id) return `served by the distribution ${reply.data.id}`;
    return reply.data.rev >= rev ? undefined : `still revision ${reply.data.rev}`;
  } catch (error) {
    return `no answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A wildcard stands for any one label. */
function aHostOf(host: string): string {
  return host.startsWith("*.") ? `edgewright-probe${host.slice(1)}` : host;
}
