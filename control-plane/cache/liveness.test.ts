import { expect, test } from "vitest";
import { createLiveness } from "./liveness.ts";

function between(redis: { runId?: string; provenAt: number }, postgres: { epoch?: string; provenAt: number }) {
  const changes: (string | undefined)[] = [];
  const liveness = createLiveness({
    sessions: { runId: () => redis.runId, provenAt: () => redis.provenAt },
    epochs: { epoch: () => postgres.epoch, provenAt: () => postgres.provenAt },
    onChange: () => changes.push(liveness.tag(postgres.provenAt)),
  });
  liveness.changed();
  return { liveness, changes };
}

test("caches are believed while both Redis and Postgres were heard within three seconds", () => {
  const { liveness } = between({ runId: "r", provenAt: 10_000 }, { epoch: "d/1", provenAt: 11_000 });
  expect(liveness.tag(12_999)).toMatch(/^[0-9a-f]{16}$/);
  expect(liveness.tag(13_000)).toBeUndefined();
  const { liveness: swapped } = between({ runId: "r", provenAt: 11_000 }, { epoch: "d/1", provenAt: 10_000 });
  expect(swapped.tag(12_999)).toBe(liveness.tag(12_999));
  expect(swapped.tag(13_000)).toBeUndefined();
});

test("without a session, or without an epoch, there is nothing to believe", () => {
  expect(between({ provenAt: 0 }, { epoch: "d/1", provenAt: 0 }).liveness.tag(1)).toBeUndefined();
  expect(between({ runId: "r", provenAt: 0 }, { provenAt: 0 }).liveness.tag(1)).toBeUndefined();
});

test("another run of Redis, another database and another epoch each make another tag, and say so once", () => {
  const redis = { runId: "r", provenAt: 0 };
  const postgres = { epoch: "d/1", provenAt: 0 };
  const { liveness, changes } = between(redis, postgres);
  for (const change of [{ runId: "s" }, {}, { epoch: "d/2" }, { epoch: "e/2" }]) {
    Object.assign("runId" in change ? redis : postgres, change);
    liveness.changed();
  }
  expect(changes).toHaveLength(4);
  expect(new Set(changes).size).toBe(4);
});
