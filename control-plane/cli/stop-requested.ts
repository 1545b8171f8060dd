// When a person or a supervisor asks this process to stop.

/**
 * Resolves with the first SIGINT or SIGTERM. Another one, later, ends the process at once; its children die with it. What
 * comes together with the first is the same wish: a terminal and npm both pass one Ctrl-C on.
 */
export function stopRequested(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let askedAt: number | undefined;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        const now = performance.now();
        if (askedAt !== undefined && now - askedAt > SAME_WISH_MS) process.exit(EXIT_INTERRUPTED);
        askedAt ??= now;
        resolve(signal);
      });
    }
  });
}

const SAME_WISH_MS = 500;

/** 128 + SIGINT, as shells count. */
export const EXIT_INTERRUPTED = 130;
