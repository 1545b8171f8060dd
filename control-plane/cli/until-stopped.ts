// Holds a process until somebody asks it to stop, then stops its parts in order.
import type { Part } from "../../platform/lifecycle.ts";

/** Resolves when the part has stopped. A second signal ends the process at once. */
export async function untilStopped(part: Part, announce: (signal: string) => void): Promise<void> {
  const signal = await new Promise<string>((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => resolve(name));
  });
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => process.exit(130));
  announce(signal);
  await part.stop();
}
