// What an edge needs to start from its disk alone: time until its listener answers with every document there, all hashes
// and the signature checked, and memory of master and workers together.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startTestEdge } from "../../openresty/test-edge.ts";
import { aDistribution, anOrigin, createTestFeed } from "../../openresty/test-feed.ts";
import { summarise } from "./percentiles.ts";

const STARTS = 3;
const WORKERS = 2;
const MB = 1024 * 1024;

export async function measureColdStart(documents: number) {
  const { base, trust, bytes } = signedState(documents);
  const edge = await startTestEdge({ documentsMax: Math.max(documents, 2000), workers: WORKERS });
  try {
    const emptyMs = await timed(() => edge.restart());
    await edge.writeState({ base, trust });
    const startsMs: number[] = [];
    for (let start = 0; start < STARTS; start += 1) startsMs.push(await timed(() => edge.restart()));
    const state = await edge.state();
    if (state.documents !== documents) throw new Error(`${state.documents} of ${documents} documents were loaded`);
    return {
      documents,
      document_bytes_mean: Math.round(bytes / documents),
      stop_and_start_ms: summarise(startsMs),
      stop_and_start_without_documents_ms: Math.round(emptyMs),
      memory_mb: Math.round((await memoryBytes(edge.home)) / MB),
      documents_in_memory_mb: Math.round(state.document_bytes / MB),
    };
  } finally {
    await edge.stop();
  }
}

/** Two origins and the media policy's rules: what a customer with a failover has. */
function signedState(documents: number): { base: string; trust: string; bytes: number } {
  const feed = createTestFeed();
  const records = Array.from({ length: documents }, (_, index) =>
    feed.put(
      aDistribution({
        hosts: [
          `www.customer-${index}.example.com`,
          `${index.toString(36).padStart(12, "0")}.cdn.edgewright.localhost`,
        ],
        accelerationType: "static",
        origins: [
          anOrigin({ host: `origin-a.customer-${index}.example.com` }),
          anOrigin({ host: `origin-b.customer-${index}.example.com`, primary: false }),
        ],
      }),
    ),
  );
  const bytes = records.reduce((sum, { body }) => sum + body.length, 0);
  return { base: feed.checkpoint(records), trust: feed.trust, bytes };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Proportional set size: what master and workers share is counted once. */
async function memoryBytes(home: string): Promise<number> {
  const master = (await readFile(join(home, "run/nginx.pid"), "utf8")).trim();
  const workers = (await readFile(`/proc/${master}/task/${master}/children`, "utf8")).trim().split(" ");
  const sizes = await Promise.all(
    [master, ...workers].map(async (pid) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
      return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
