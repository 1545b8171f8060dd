// Where batches of log lines go: to the control plane, unless the operator has named a ClickHouse (to-clickhouse.ts).
import { type ControlPlane, ControlPlaneRefusal } from "../control-plane-client.ts";
import { compress } from "./batch.ts";

export interface SentBatch {
  readonly id: string;
  readonly edgeId: string;
  /** Lines as nginx wrote them, whole ones; the taker leaves out what is none. */
  readonly body: Buffer;
  /** It, or a part of it, may have arrived before. */
  readonly isRetry: boolean;
}

export interface LogDestination {
  readonly name: string;
  /** Resolves when every line is stored, or known to be none. */
  send(batch: SentBatch, signal: AbortSignal): Promise<void>;
  /** It understood the batch and does not want it: waiting changes nothing. */
  isFinal(fault: unknown): boolean;
  /** Smaller batches would be taken: an older control plane, or a proxy before it, has limits of its own. */
  isTooLarge(fault: unknown): boolean;
  close(): Promise<void>;
}

export function toControlPlane(controlPlane: Pick<ControlPlane, "sendLogs">): LogDestination {
  return {
    name: "the control plane",
    send: async ({ id, body, isRetry }, signal) => {
      await controlPlane.sendLogs({ id, gzip: await compress(body), isRetry }, signal);
    },
    isFinal: (fault) => fault instanceof ControlPlaneRefusal && [400, 413, 422].includes(fault.status),
    isTooLarge: (fault) => fault instanceof ControlPlaneRefusal && fault.status === 413,
    close: async () => {},
  };
}
