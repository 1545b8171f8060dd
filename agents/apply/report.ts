// Tells the control plane where this edge stands: after every change, and every ten seconds as a sign of life.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../platform/log.ts";
import { createBackOff } from "../back-off.ts";
import type { Capabilities, LogStanding, ReportRequest } from "../contract.ts";
import type { ControlPlane } from "../control-plane-client.ts";
import type { Edge } from "./edge.ts";

const SIGN_OF_LIFE_MS = 10_000;

export interface Reporter {
  /** A report is due. Many calls at once make one report. */
  soon(): void;
  /** Runs until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export type Standing = Omit<ReportRequest, "boot_id" | "seq">;

export function createReporter(settings: {
  readonly controlPlane: Pick<ControlPlane, "report">;
  /** Undefined while there is nothing to tell: no feed is known yet. */
  readonly standing: () => Standing | undefined;
  readonly onResync: () => void;
  readonly log: Logger;
}): Reporter {
  const bootId = randomUUID();
  let seq = 0;
  // The first report says that this agent is there.
  let due = true;
  let wake: () => void = () => {};

  async function untilDue(signal: AbortSignal): Promise<void> {
    if (due) return;
    const pause = new AbortController();
    wake = () => pause.abort();
    await delay(SIGN_OF_LIFE_MS, undefined, { signal: AbortSignal.any([signal, pause.signal]) }).catch(() => {});
  }

  async function reportOnce(signal: AbortSignal): Promise<void> {
    due = false;
    const standing = settings.standing();
    if (standing === undefined) return;
    seq += 1;
    const reply = await settings.controlPlane.report({ ...standing, boot_id: bootId, seq }, signal);
    if (reply.resync) settings.onResync();
  }

  return {
    soon: () => {
      due = true;
      wake();
    },
    run: async (signal) => {
      const backOff = createBackOff({ firstMs: 500, maxMs: 10_000 });
      while (!signal.aborted) {
        await untilDue(signal);
        if (signal.aborted) return;
        try {
          await reportOnce(signal);
          backOff.reset();
        } catch (error) {
          due = true;
          if (!signal.aborted) settings.log.debug({ error }, "a report did not arrive: it is sent again");
          await backOff.wait(signal).catch(() => {});
        }
      }
    },
  };
}

export function standingOf(edge: Edge, capabilities: Capabilities, logs: LogStanding): Standing | undefined {
  const feed = edge.state.feed();
  if (feed === undefined) return undefined;
  const index = edge.state.index();
  return {
    feed_id: feed.feedId,
    applied: edge.progress.applied,
    refused: edge.refusals.list(),
    state_hash: index.stateHash(),
    structure: edge.progress.structure,
    documents: index.documents(),
    capabilities,
    logs,
  };
}
