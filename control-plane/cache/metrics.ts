// How the caches do, for Prometheus: reads by where they were answered, and how writes told of themselves.
import { Counter, Gauge, type Registry } from "prom-client";

export interface CacheMetrics {
  /** The counters of one space, made once: a hit in memory costs less than looking them up. */
  reads(space: string): Readonly<Record<ReadOutcome, () => void>>;
  wrote(way: "fence" | "epoch"): void;
}

/**
 * `memory` and `redis` hit; `miss` was loaded and may be kept; `fenced` was loaded during a write, or while Redis did not
 * answer; `joined` shared a read that was under way; `bypass` went past the caches.
 */
const outcomes = ["memory", "redis", "miss", "fenced", "joined", "bypass"] as const;
type ReadOutcome = (typeof outcomes)[number];

export function createCacheMetrics(registry: Registry, isLive: () => boolean): CacheMetrics {
  const reads = new Counter({
    name: "edgewright_cache_reads_total",
    help: "Reads through the cache, by space and by where they were answered",
    labelNames: ["space", "outcome"],
    registers: [registry],
  });
  const writes = new Counter({
    name: "edgewright_cache_writes_total",
    help: "Transactions that made cached entries stale, by how the other processes learn of it",
    labelNames: ["way"],
    registers: [registry],
  });
  new Gauge({
    name: "edgewright_cache_live",
    help: "1 while reads may be cached, 0 while every read goes to the database",
    registers: [registry],
    collect() {
      this.set(isLive() ? 1 : 0);
    },
  });
  return {
    reads(space) {
      const count = (outcome: ReadOutcome) => {
        const counter = reads.labels(space, outcome);
        return () => counter.inc();
      };
      return {
        memory: count("memory"),
        redis: count("redis"),
        miss: count("miss"),
        fenced: count("fenced"),
        joined: count("joined"),
        bypass: count("bypass"),
      };
    },
    wrote: (way) => writes.inc({ way }),
  };
}
