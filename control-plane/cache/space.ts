// Reads of one kind: memory, then Redis, then Postgres. What they must not keep is told by leases (entries.ts), by flights
// that are dropped when somebody writes, and by the liveness of the whole.
import { z } from "zod";
import type { Found, Place, SharedEntries } from "./entries.ts";
import { createFlights, createTurns, type Flight } from "./flights.ts";
import { FOLLOW_MS, fingerprint, type Liveness } from "./liveness.ts";
import { createMemory, type MemoryLimits } from "./memory.ts";
import type { CacheMetrics } from "./metrics.ts";

const TTL_MS = 60_000;
const MEMORY_TTL_MS = 10_000;
/** For what does not exist. */
const ABSENT_TTL_MS = 5_000;
/** What is longer is loaded each time. */
const TEXT_LENGTH_MAX = 256 * 1024;
const MEMORY: MemoryLimits = { namesMax: 10_000, bytesMax: 32 * 1024 * 1024 };
// A parsed object takes a few times its text.
const BYTES_PER_CHARACTER = 4;
const PART_BYTES = 200;

export interface SpaceSettings<Value, Query> {
  /** Reads what is committed. Undefined: it does not exist, which is kept too, for less long. */
  readonly load: (id: string, query: Query) => Promise<NoInfer<Value> | undefined>;
  /** What an entry is, as JSON: fields that it does not name are not kept. Dates by `z.codec`. */
  readonly schema: z.ZodType<Value>;
  readonly ttlMs?: number;
}

export interface Space<Value, Query> {
  /** Frozen, because it is shared. */
  read(id: string, query: Query): Promise<Value | undefined>;
}

/** What the cache does to a space. */
export interface ForgetfulSpace {
  drop(name: string): void;
  clear(): void;
}

interface Surroundings {
  readonly liveness: Liveness;
  readonly entries: SharedEntries;
  readonly metrics: CacheMetrics;
}

export function createSpace<Value, Query>(
  prefix: string,
  settings: SpaceSettings<Value, Query>,
  { liveness, entries, metrics }: Surroundings,
): Space<Value, Query> & ForgetfulSpace {
  type Answer = Value | undefined;
  const { schema, ttlMs = TTL_MS } = settings;
  // A release whose entries have another shape does not believe those of the one before it. Also fails at once for a
  // schema that JSON cannot hold.
  const shape = JSON.stringify(z.toJSONSchema(schema, { io: "input" }));
  const memory = createMemory<Answer>(MEMORY);
  const flights = createFlights<Answer>();
  const inTurn = createTurns<Answer>();
  const count = metrics.reads(prefix);
  let tags = { live: "", own: "" };

  function read(id: string, query: Query): Promise<Answer> {
    const name = `${prefix}:${id}`;
    const field = query === undefined ? "" : JSON.stringify(query);
    const now = performance.now();
    const live = liveness.tag(now);
    if (live === undefined) {
      count.bypass();
      return inTurn(`${name} ${field}`, async () => (await load(id, query)).value);
    }
    const isPrompt = liveness.isPrompt(now);
    const kept = isPrompt ? memory.find(name, field, now) : undefined;
    if (kept !== undefined) {
      count.memory();
      return kept;
    }
    const flight = flights.find(name, field);
    if (flight !== undefined && (isPrompt || now - flight.begunAt < FOLLOW_MS)) {
      count.joined();
      return flight.answer;
    }
    const place = { name, field, tag: ownTag(live) };
    return flights.open(name, field, (own) => fly(place, own, () => load(id, query)));
  }

  async function fly(place: Place, flight: OpenFlight, loadIt: () => Promise<Loaded<Value>>): Promise<Answer> {
    let isKeeping = false;
    try {
      const found = await entries.find(place);
      const hit = found.kind === "hit" ? parse(found.text) : undefined;
      if (found.kind === "hit" && hit !== undefined) {
        count.redis();
        if (flight.isCurrent()) remember(place, hit, found.leftMs);
        return hit.value;
      }
      const loaded = await loadIt();
      countLoad(found);
      if (found.kind === "miss" && loaded.text.length <= TEXT_LENGTH_MAX) {
        isKeeping = true;
        void keep(place, flight, loaded, found.lease);
      }
      return loaded.value;
    } finally {
      if (!isKeeping) flight.close();
    }
  }

  /** Nobody waits for it; whoever asks meanwhile joins the flight. */
  async function keep(place: Place, flight: OpenFlight, loaded: Loaded<Value>, lease: string): Promise<void> {
    const goodForMs = loaded.value === undefined ? ABSENT_TTL_MS : ttlMs;
    const isStored = await entries.store(place, { lease, text: loaded.text, ttlMs: goodForMs });
    if (isStored && flight.isCurrent()) remember(place, loaded, goodForMs);
    flight.close();
  }

  function remember({ name, field }: Place, { value, text }: Loaded<Value>, goodForMs: number): void {
    memory.keep(name, field, {
      answer: Promise.resolve(value),
      endsAt: performance.now() + Math.min(goodForMs, MEMORY_TTL_MS),
      bytes: PART_BYTES + (field.length + text.length) * BYTES_PER_CHARACTER,
    });
  }

  /** As it comes out of the caches too: the first reader sees nothing that later ones would miss. */
  async function load(id: string, query: Query): Promise<Loaded<Value>> {
    const loaded = await settings.load(id, query);
    if (loaded === undefined) return { value: undefined, text: "" };
    const encoded = z.encode(schema, loaded);
    return { value: freeze(z.decode(schema, encoded)), text: JSON.stringify(encoded) };
  }

  /** Undefined: not what this space stores. */
  function parse(text: string): Loaded<Value> | undefined {
    if (text === "") return { value: undefined, text };
    try {
      return { value: freeze(schema.parse(JSON.parse(text))), text };
    } catch {
      return undefined;
    }
  }

  function countLoad(found: Found): void {
    if (found.kind === "miss") count.miss();
    else count.fenced();
  }

  function ownTag(live: string): string {
    if (tags.live !== live) tags = { live, own: fingerprint(live + shape) };
    return tags.own;
  }

  function drop(name: string): void {
    memory.drop(name);
    flights.drop(name);
  }

  function clear(): void {
    memory.clear();
    flights.clear();
  }

  return { read, drop, clear };
}

type OpenFlight = Omit<Flight<unknown>, "answer">;

interface Loaded<Value> {
  readonly value: Value | undefined;
  /** Empty for what does not exist. */
  readonly text: string;
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
