// Reads that are under way. Cached ones are shared by whoever asks meanwhile, until their name is written; direct ones
// only by those who asked before they began.

export interface Flight<Value> {
  readonly answer: Promise<Value>;
  /** By performance.now(). */
  readonly begunAt: number;
  /** False once the name was written, or the caches lost: what it brings must not be kept. */
  isCurrent(): boolean;
  close(): void;
}

export interface Flights<Value> {
  find(name: string, field: string): Flight<Value> | undefined;
  /** `fly` begins at once; the flight can be joined until it is closed, dropped or followed by another one. */
  open(name: string, field: string, fly: (flight: Omit<Flight<Value>, "answer">) => Promise<Value>): Promise<Value>;
  drop(name: string): void;
  clear(): void;
}

export function createFlights<Value>(): Flights<Value> {
  const byName = new Map<string, Map<string, Flight<Value>>>();

  function remove(name: string, field: string, flight: Flight<Value>): void {
    const flights = byName.get(name);
    if (flights?.get(field) !== flight) return;
    flights.delete(field);
    if (flights.size === 0) byName.delete(name);
  }

  return {
    find: (name, field) => byName.get(name)?.get(field),
    open(name, field, fly) {
      const isCurrent = () => byName.get(name)?.get(field) === flight;
      const close = () => remove(name, field, flight);
      const answer = Promise.resolve().then(() => fly(flight));
      const flight: Flight<Value> = { answer, begunAt: performance.now(), isCurrent, close };
      const flights = byName.get(name) ?? new Map<string, Flight<Value>>();
      byName.set(name, flights.set(field, flight));
      return flight.answer;
    },
    drop: (name) => void byName.delete(name),
    clear: () => byName.clear(),
  };
}

/**
 * One load of a key at a time; whoever asks during one gets the next. So no answer is older than its question, without
 * anybody's word about writes.
 */
export function createTurns<Value>(): (key: string, load: () => Promise<Value>) => Promise<Value> {
  const turns = new Map<string, { readonly running: Promise<Value>; next?: Promise<Value> }>();

  function begin(key: string, load: () => Promise<Value>): Promise<Value> {
    const running = load().finally(() => {
      if (turns.get(key)?.running === running && turns.get(key)?.next === undefined) turns.delete(key);
    });
    turns.set(key, { running });
    return running;
  }

  return (key, load) => {
    const turn = turns.get(key);
    if (turn === undefined) return begin(key, load);
    const again = () => begin(key, load);
    turn.next ??= turn.running.then(again, again);
    return turn.next;
  };
}
