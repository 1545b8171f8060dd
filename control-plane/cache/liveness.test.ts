import { expect, test } from "vitest";
import { createLiveness } from "./liveness.ts";

function between(redis: { runId?: string; provenAt: number }, postgres: { epoch?: string; provenAt: number }) {
  const changes: (string | undefined)[] = [];
  let proofs = 0;
  const prove = () => {
    proofs += 1;
  };
  const liveness = createLiveness({
    sessions: { runId: () => redis.runId, provenAt: () => redis.provenAt, prove },
    epochs: { epoch: () => postgres.epoch, provenAt: () => postgres.provenAt },
    onChange: () => changes.push(liveness.tag(postgres.provenAt)),
  });
  liveness.changed();
  return { liveness, changes, proofs: () => proofs };
}

test("entries are believed while Postgres was heard within three seconds", () => {
  const { liveness } = between({ runId: "r", provenAt: 0 }, { epoch: "d/1", provenAt: 10_000 });
  expect(liveness.tag(12_999)).toMatch(/^[0-9a-f]{16}$/);
  expect(liveness.tag(13_000)).toBeUndefined();
});

test("memory is believed while Redis was heard within 100 ms, and Redis is asked before that ends", () => {
  const { liveness, proofs } = between({ runId: "r", provenAt: 1_000 }, { epoch: "d/1", provenAt: 0 });
  expect([liveness.isPrompt(1_030), proofs()]).toEqual([true, 0]);
  expect([liveness.isPrompt(1_099), proofs()]).toEqual([true, 1]);
  expect([liveness.isPrompt(1_100), proofs()]).toEqual([false, 2]);
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
