// Which addresses nginx may dial for which origin. Keeps what documents name, resolved and checked, and pins changes.
import type { Logger } from "../../platform/log.ts";
import type { Origin, Pins } from "./document.ts";
import { createOriginTroubles } from "./origin-troubles.ts";
import { ForbiddenAddress } from "./resolve.ts";

export interface OriginAddresses {
  /** What this document names now; an empty list when it is gone. */
  note(documentId: string, origins: readonly Origin[]): void;
  /** Resolves what was never resolved. Ends early at `withinMs`: the rest goes on and is pinned when it is known. */
  settle(withinMs: number): Promise<void>;
  /** Resolves the next part of all names anew, and what was never resolved; one that fails keeps its last addresses. */
  refresh(share: number, signal: AbortSignal): Promise<void>;
  /** Sends what changed since the last call; what fails to be sent is sent again. */
  pin(send: (pins: Pins) => Promise<void>): Promise<void>;
  /** The same for the disk; an origin that is named no more goes with no address. */
  save(append: (pins: Pins) => Promise<void>): Promise<void>;
  /** nginx began anew: everything is to be sent. */
  unpinAll(): void;
  /** Everything that is known now. */
  all(): Pins;
}

interface Known {
  readonly origin: Origin;
  documents: number;
  addresses: readonly string[] | undefined;
}

const PARALLEL = 32;
const PINS_PER_CALL = 2_000;

export function createOriginAddresses(settings: {
  /** Rejects with ForbiddenAddress where nothing may be dialled; any other failure says nothing about the addresses. */
  resolve: (origin: Origin) => Promise<readonly string[]>;
  /** What an earlier run knew, by key: it counts until DNS says otherwise. */
  remembered: Pins;
  log: Logger;
}): OriginAddresses {
  const named = new Map<string, readonly string[]>();
  const known = new Map<string, Known>();
  const unpinned = new Set<string>();
  const unsaved = new Set<string>();
  const unresolved = new Set<string>();
  const troubles = createOriginTroubles(settings.log);
  let round = known.keys();
  let owed = 0;

  function release(key: string): void {
    const entry = known.get(key);
    if (entry === undefined) return;
    entry.documents -= 1;
    if (entry.documents > 0) return;
    known.delete(key);
    if (entry.addresses !== undefined) unsaved.add(key);
    troubles.forget(key);
    unresolved.delete(key);
    unpinned.delete(key);
  }

  function hold(origin: Origin): string {
    const key = originKey(origin);
    const entry = known.get(key) ?? learn(key, origin);
    entry.documents += 1;
    return key;
  }

  function learn(key: string, origin: Origin): Known {
    const entry = { origin, documents: 0, addresses: settings.remembered[key] };
    known.set(key, entry);
    unresolved.add(key);
    if (entry.addresses !== undefined) unpinned.add(key);
    return entry;
  }

  async function resolveOne(key: string): Promise<void> {
    const entry = known.get(key);
    if (entry === undefined) return;
    const { found, fault } = await settings.resolve(entry.origin).then(
      (addresses) => ({ found: addresses, fault: undefined }),
      (error: unknown) => ({ found: error instanceof ForbiddenAddress ? [] : undefined, fault: error }),
    );
    if (known.get(key) !== entry) return;
    troubles.note(key, fault);
    if (found === undefined) return;
    const addresses = [...found].sort();
    if (entry.addresses !== undefined && addresses.join() === entry.addresses.join()) return;
    entry.addresses = addresses;
    unpinned.add(key);
    unsaved.add(key);
  }

  async function resolveAll(keys: Iterator<string>, signal?: AbortSignal): Promise<void> {
    const work = async () => {
      for (let next = keys.next(); !next.done && !signal?.aborted; next = keys.next()) await resolveOne(next.value);
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
  }

  /** The next ones of the round through all names, which goes on where the last call left it. */
  function nextOfRound(share: number): string[] {
    owed = Math.min(owed + known.size * share, known.size);
    const keys: string[] = [];
    for (; owed >= 1; owed -= 1) {
      let next = round.next();
      if (next.done) {
        round = known.keys();
        next = round.next();
      }
      if (!next.done) keys.push(next.value);
    }
    return keys;
  }

  async function deliver(due: Set<string>, send: (pins: Pins) => Promise<void>): Promise<void> {
    while (due.size > 0) {
      const keys = firstOf(due, PINS_PER_CALL);
      const pins = Object.fromEntries(keys.map((key) => [key, known.get(key)?.addresses ?? []]));
      for (const key of keys) due.delete(key);
      try {
        await send(pins);
      } catch (error) {
        for (const key of keys) due.add(key);
        throw error;
      }
    }
  }

  return {
    note: (documentId, origins) => {
      const before = named.get(documentId) ?? [];
      const now = origins.map(hold);
      for (const key of before) release(key);
      if (now.length === 0) named.delete(documentId);
      else named.set(documentId, now);
    },
    settle: async (withinMs) => {
      if (unresolved.size === 0) return;
      const keys = [...unresolved];
      unresolved.clear();
      await withinOrLater(resolveAll(keys.values()), withinMs);
    },
    refresh: (share, signal) => {
      const keys = new Set([...unresolved, ...nextOfRound(share)]);
      unresolved.clear();
      return resolveAll(keys.values(), signal);
    },
    pin: (send) => deliver(unpinned, send),
    save: (append) => deliver(unsaved, append),
    unpinAll: () => {
      for (const [key, { addresses }] of known) if (addresses !== undefined) unpinned.add(key);
    },
    all: () =>
      Object.fromEntries(
        [...known].flatMap(([key, { addresses }]) => (addresses === undefined ? [] : [[key, addresses]])),
      ),
  };
}

function originKey({ host, port }: Origin): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function firstOf<T>(items: Iterable<T>, count: number): T[] {
  const first: T[] = [];
  for (const item of items) {
    if (first.length === count) break;
    first.push(item);
  }
  return first;
}

async function withinOrLater(work: Promise<void>, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
