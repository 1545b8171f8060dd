// What an edge's nginx needs to start from its disk alone: time until its listener answers with every document there, all
// hashes and the signature checked, and memory of master and workers together.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { FeedRecord } from "../../agents/contract.ts";
import { builtInPolicies } from "../../control-plane/domains/cache-policy/index.ts";
import { canonicalJson } from "../../edge-templates/canonical-json.ts";
import { compileDocument, type DesiredDistribution } from "../../edge-templates/index.ts";
import { startTestEdge } from "../../openresty/test-edge.ts";
import { aDistribution, anOrigin, createTestFeed, type TestFeed } from "../../openresty/test-feed.ts";
import { summarise } from "./percentiles.ts";

const STARTS = 3;
const WORKERS = 2;
const MB = 1024 * 1024;

export interface DocumentMix {
  readonly name: string;
  /** Every so many documents one has rules of its own, which no other shares; 0: none has. */
  readonly ownRulesEvery: number;
}

const TYPES = "60 % static, 20 % media, 10 % livestream, 10 % diy; half with one origin, half with two, all different";

export const documentMixes: readonly DocumentMix[] = [
  { name: TYPES, ownRulesEvery: 0 },
  // Customers have no rules of their own yet: the compiled document gets one, as the compiler would write it.
  { name: `${TYPES}; 10 % with a rule of their own`, ownRulesEvery: 10 },
];

export async function measureColdStart(documents: number, mix: DocumentMix) {
  const { base, trust, bytes } = signedState(documents, mix);
  const edge = await startTestEdge({
    documentsMax: Math.max(Math.ceil(documents / 100) * 100, 2000),
    workers: WORKERS,
  });
  try {
    const emptyMs = await timed(() => edge.restart());
    await edge.writeState({ base, trust });
    const startsMs: number[] = [];
    for (let start = 0; start < STARTS; start += 1) startsMs.push(await timed(() => edge.restart()));
    const state = await edge.state();
    if (state.documents !== documents) throw new Error(`${state.documents} of ${documents} documents were loaded`);
    return {
      documents,
      document_mix: mix.name,
      document_bytes_mean: Math.round(bytes / documents),
      stop_and_start_ms: summarise(startsMs),
      stop_and_start_without_documents_ms: Math.round(emptyMs),
      nginx_memory_mb: Math.round((await memoryBytes(edge.home)) / MB),
      documents_in_memory_mb: Math.round(state.document_bytes / MB),
    };
  } finally {
    await edge.stop();
  }
}

function signedState(documents: number, mix: DocumentMix): { base: string; trust: string; bytes: number } {
  const feed = createTestFeed();
  const records = Array.from({ length: documents }, (_, index) => recordOf(feed, index, mix));
  const bytes = records.reduce((sum, { body }) => sum + body.length, 0);
  return { base: feed.checkpoint(records), trust: feed.trust, bytes };
}

const withRules = z.object({ cache: z.object({ rules: z.array(z.json()) }) }).catchall(z.json());

function recordOf(feed: TestFeed, index: number, { ownRulesEvery }: DocumentMix): FeedRecord {
  const distribution = distributionOf(index);
  // Spread over the types, which come in tens too.
  const isOwn = ownRulesEvery > 0 && (index + Math.floor(index / ownRulesEvery)) % ownRulesEvery === 0;
  if (!isOwn) return feed.put(distribution);
  const document = withRules.parse(JSON.parse(compileDocument(distribution).body));
  const own = { paths: `/customer-${index}/*`, ttl: index };
  const body = canonicalJson({ ...document, cache: { rules: [own, ...document.cache.rules] } });
  return feed.putBody(distribution.id, body);
}

/** Of ten in a row. */
const ACCELERATION_TYPES = [
  ...Array.from({ length: 6 }, () => "static" as const),
  ...Array.from({ length: 2 }, () => "media" as const),
  "livestream" as const,
  "diy" as const,
];

function distributionOf(index: number): DesiredDistribution {
  const inTen = ACCELERATION_TYPES.length;
  const origins = [
    anOrigin({ host: `origin-a.customer-${index}.example.com` }),
    anOrigin({ host: `origin-b.customer-${index}.example.com`, primary: false }),
  ];
  return aDistribution({
    hosts: [`www.customer-${index}.example.com`, `${index.toString(36).padStart(12, "0")}.cdn.edgewright.localhost`],
    cacheRules: builtInPolicies[ACCELERATION_TYPES[index % inTen] ?? "static"].rules,
    origins: Math.floor(index / inTen) % 2 === 0 ? origins : origins.slice(0, 1),
  });
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
