// The way back for an edge whose credential the control plane takes no more: its certificate ended while the machine was
// off, or the database or the authority is another one. A token at hand is tried once; without one, a person is told how.
import { setTimeout as delay } from "node:timers/promises";
import { errorCode } from "../../platform/embedded/start-error.ts";
import type { Logger } from "../../platform/log.ts";
import { ControlPlaneRefusal } from "../control-plane-client.ts";

export interface EnrolAgain {
  /** A call was answered 401. */
  refused(): void;
  /** Runs until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

const LOOK_EVERY_MS = 60_000;
const CURE =
  "make a token for its group with `edgewright edge:enrol` and start the agent with it as EDGE_ENROLMENT_TOKEN (or put it into EDGE_ENROLMENT_TOKEN_FILE); until then the edge serves on what it has";

export function createEnrolAgain(settings: {
  /** Asked at each refusal: a file may hold a fresh one by then. */
  readonly token: () => string | undefined;
  readonly spent: string | undefined;
  readonly enrol: (token: string, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
}): EnrolAgain {
  const { enrol, log } = settings;
  let spent = settings.spent;
  let told = false;
  let due = false;
  let wake: () => void = () => {};

  function tell(error?: unknown): void {
    if (told) return;
    told = true;
    log.error({ error }, `the control plane does not take this edge's credential any more: ${CURE}`);
  }

  async function tryOnce(signal: AbortSignal): Promise<void> {
    const token = settings.token();
    if (token === undefined || token === spent) return tell();
    log.warn("the control plane does not take this edge's credential any more: it enrols again");
    try {
      await enrol(token, signal);
      spent = token;
      told = false;
    } catch (error) {
      if (signal.aborted) return;
      // The next refusal brings the next try.
      if (isPassing(error)) return log.warn({ error }, "the control plane cannot enrol this edge yet");
      spent = token;
      told = false;
      tell(error);
    }
  }

  async function untilRefused(signal: AbortSignal): Promise<void> {
    const pause = new AbortController();
    wake = () => pause.abort();
    while (!due && !signal.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal: AbortSignal.any([signal, pause.signal]) }).catch(() => {});
    }
  }

  return {
    refused: () => {
      due = true;
      wake();
    },
    run: async (signal) => {
      for (;;) {
        await untilRefused(signal);
        if (signal.aborted) return;
        await tryOnce(signal).catch(tell);
        // Calls that were under way meanwhile were refused for the same reason.
        due = false;
      }
    },
  };
}

/** It was not the token: the control plane was out of reach for a moment, or busy. */
function isPassing(error: unknown): boolean {
  if (error instanceof ControlPlaneRefusal) return error.status >= 500 || error.status === 429;
  return errorCode(error) !== undefined || (error instanceof Error && error.name === "TimeoutError");
}
