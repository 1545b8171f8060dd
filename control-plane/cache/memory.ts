// What one process keeps of a space for seconds: bounded in names and bytes, the longest unread goes first.
import { LRUCache } from "lru-cache";

/** Pages of one list, and the like: the oldest goes when there is one more. */
const PARTS_MAX = 64;
/** A name with its maps, beside what is kept under it. */
const NAME_BYTES = 300;

export interface MemoryLimits {
  readonly namesMax: number;
  readonly bytesMax: number;
}

export interface Kept<Value> {
  /** A promise that has its value already: whoever reads waits for nothing, and nothing is made for them. */
  readonly answer: Promise<Value>;
  /** By performance.now(). */
  readonly endsAt: number;
  readonly bytes: number;
}

export interface Memory<Value> {
  find(name: string, field: string, now: number): Promise<Value> | undefined;
  keep(name: string, field: string, kept: Kept<Value>): void;
  drop(name: string): void;
  clear(): void;
}

export function createMemory<Value>({ namesMax, bytesMax }: MemoryLimits): Memory<Value> {
  const names = new LRUCache<string, ReadonlyMap<string, Kept<Value>>>({ max: namesMax, maxSize: bytesMax });
  return {
    find(name, field, now) {
      const kept = names.get(name)?.get(field);
      return kept !== undefined && kept.endsAt > now ? kept.answer : undefined;
    },
    keep(name, field, kept) {
      const parts = new Map(names.peek(name));
      parts.delete(field);
      parts.set(field, kept);
      for (const oldest of parts.keys()) {
        if (parts.size <= PARTS_MAX) break;
        parts.delete(oldest);
      }
      const size = [...parts.values()].reduce((sum, { bytes }) => sum + bytes, NAME_BYTES + name.length);
      names.set(name, parts, { size });
    },
    drop: (name) => void names.delete(name),
    clear: () => names.clear(),
  };
}
