// When a person or a supervisor asks this process to stop.

/** Resolves with the first SIGINT or SIGTERM. A second one ends the process at once; its children die with it. */
export function stopRequested(): Promise<NodeJS.Signals> {
  const signals = ["SIGINT", "SIGTERM"] as const;
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (asked) process.exit(EXIT_INTERRUPTED);
        asked = true;
        resolve(signal);
      });
    }
  });
}

/** 128 + SIGINT, as shells count. */
export const EXIT_INTERRUPTED = 130;
