// The wake-up between workers and API processes, over Redis. It may be lost or away: whoever listens also looks into the
// database every second.
import type { Redis } from "ioredis";

const FEED_CHANNEL = "edgewright:feed";

/** Best effort, and never in the way: with Redis away nothing is queued up. */
export function announceOver(redis: Redis): (scope: string) => void {
  return (scope) => {
    if (redis.status !== "ready") return;
    redis.publish(FEED_CHANNEL, scope).catch(() => {});
  };
}

/** `subscriber` is a connection for this alone; it may come and go. */
export function listenForChanges(subscriber: Redis, onScope: (scope: string) => void): void {
  const subscribe = () => {
    subscriber.subscribe(FEED_CHANNEL).catch(() => {});
  };
  // Whoever opened the other connections logs that Redis is away; here nothing is lost.
  subscriber.on("error", () => {});
  subscriber.on("ready", subscribe);
  subscriber.on("message", (channel: string, scope: string) => {
    if (channel === FEED_CHANNEL) onScope(scope);
  });
  if (subscriber.status === "ready") subscribe();
}
