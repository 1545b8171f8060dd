// Waiting that others can cut short.

export interface WakeUp {
  /** Ends the current wait, or the next one when nobody waits: no ring is lost. */
  ring(): void;
  /** Resolves at a ring, or when the time is over. */
  wait(timeoutMs: number): Promise<void>;
}

export function createWakeUp(): WakeUp {
  let isRung = false;
  let endWait: (() => void) | undefined;
  return {
    ring: () => {
      isRung = true;
      endWait?.();
    },
    wait: async (timeoutMs) => {
      if (!isRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          endWait = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      isRung = false;
      endWait = undefined;
    },
  };
}
