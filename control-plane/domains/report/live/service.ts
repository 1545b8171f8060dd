// Real-time traffic of an account or a distribution, for as long as its viewer may see it.
import type { Readable } from "node:stream";
import { z } from "zod";
import type { Logger } from "../../../../platform/log.ts";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import type { Caller } from "../../../http/caller.ts";
import type { DistributionService } from "../../distribution/index.ts";
import { createPlaces } from "./places.ts";
import { openStream, type StreamTimes, streamTimes } from "./stream.ts";
import { createTrafficWatch } from "./watch.ts";

export type LiveService = ReturnType<typeof createLiveService>;

export interface WatchRequest {
  readonly distributionId: string | undefined;
  /** Undefined: until the viewer goes away; 0: what is known now, and no more. */
  readonly seconds: number | undefined;
  readonly lastEventId: string | undefined;
  /** Throws when the viewer's session or token is no longer good. */
  readonly recheck: () => Promise<void>;
  readonly signal: AbortSignal;
}

export function createLiveService({
  clickhouse,
  distributions,
  clock,
  log,
  times = {},
  streamsMax,
}: {
  clickhouse: ClickHouse;
  distributions: Pick<DistributionService, "get">;
  clock: () => Date;
  log: Logger;
  times?: Partial<StreamTimes & { tickMs: number }>;
  streamsMax?: number;
}) {
  const watch = createTrafficWatch({ clickhouse, clock, log, ...times });
  const places = createPlaces(streamsMax);

  return {
    async watch(caller: Caller, request: WatchRequest): Promise<Readable> {
      const { distributionId, seconds, recheck, signal } = request;
      if (distributionId !== undefined) await distributions.get(caller, distributionId);
      const giveBack = places.take(caller.accountId);
      const scope = { accountId: caller.accountId, distributionId };
      const viewer = { scope, seconds, recheck, signal, toldUntil: toldUntilOf(request.lastEventId) };
      try {
        const stream = await openStream(watch, viewer, { ...streamTimes, ...times });
        stream.once("close", giveBack);
        return stream;
      } catch (error) {
        giveBack();
        throw error;
      }
    },
  };
}

const eventId = z.iso.datetime().transform((text) => new Date(text));

/** What a client kept may be anything: that of another stream counts for nothing. */
function toldUntilOf(lastEventId: string | undefined): Date | undefined {
  const parsed = eventId.safeParse(lastEventId);
  return parsed.success ? parsed.data : undefined;
}
