// Parts start in order and stop in reverse. A part owns what it opened; nothing else closes it.

export interface Part {
  readonly name: string;
  stop(): Promise<void>;
}

/** Starts each part in turn; when one fails, those already started are stopped before the error goes on. */
export async function startParts(starters: readonly (() => Promise<Part>)[]): Promise<Part> {
  const started: Part[] = [];
  try {
    for (const start of starters) started.push(await start());
  } catch (error) {
    await stopInReverse(started);
    throw error;
  }
  return { name: "parts", stop: () => stopInReverse(started) };
}

/** Stops every part even when one of them fails to; the failures come back together. */
export async function stopInReverse(parts: readonly Part[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of [...parts].reverse()) {
    try {
      await part.stop();
    } catch (error) {
      failures.push(new Error(`${part.name} did not stop cleanly`, { cause: error }));
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "some parts did not stop cleanly");
}
