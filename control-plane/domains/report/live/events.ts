// Real-time traffic as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
import type { Problem } from "../../../../platform/problem.ts";
import { shareOf } from "../top/top.ts";
import type { Second, Span } from "./seconds.ts";

/** A comment: clients skip it, and proxies see that the connection is in use. */
export const HEARTBEAT = ":\n\n";
/** How long a client waits before it connects again. */
export const RETRY = "retry: 2000\n\n";

/** Its id is what a client sends as Last-Event-ID when it connects again. */
export function secondsEvent({ to }: Span, seconds: readonly Second[]): string {
  const told = seconds.map(({ time, requests, bytes, hits, ...statuses }) => ({
    ...{ time: time.toISOString(), requests, bytes, hits, hit_ratio: shareOf(hits, requests) },
    ...statuses,
  }));
  return eventOf("seconds", { to: to.toISOString(), seconds: told }, to.toISOString());
}

/** The seconds are not what the store holds, until the next event with seconds. */
export function troubleEvent(problem: Problem): string {
  return eventOf("trouble", problem.body());
}

/** The last event: why there will be no other on this connection. */
export function endEvent(problem: Problem): string {
  return eventOf("end", problem.body());
}

/** JSON has no line breaks, so that the data is one line. */
function eventOf(name: string, data: unknown, id?: string): string {
  return `event: ${name}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
