// A value that everything below an asynchronous call can read. While one is in use, Node 20 traces every promise of the
// process, which costs a busy API a fifth of its time: so nothing is traced while nobody is inside.
import { AsyncLocalStorage } from "node:async_hooks";

export interface Scope<Value> {
  run<T>(value: Value, work: () => Promise<T>): Promise<T>;
  read(): Value | undefined;
}

export function createScope<Value>(): Scope<Value> {
  const storage = new AsyncLocalStorage<Value>();
  let inside = 0;
  return {
    async run(value, work) {
      inside += 1;
      try {
        return await storage.run(value, work);
      } finally {
        inside -= 1;
        if (inside === 0) storage.disable();
      }
    },
    read: () => storage.getStore(),
  };
}
