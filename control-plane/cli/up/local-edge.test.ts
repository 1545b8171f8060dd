// The edge of `up` is there when it has reported to the control plane that started it, not when it serves something.
import { expect, test } from "vitest";
import { createLogger } from "../../../platform/log.ts";
import { untilReported } from "./local-edge.ts";

const log = createLogger({ role: "test", level: "silent" });
const settings = { DATA_DIR: "/data" };

test("the first report ends the waiting; a database that does not answer for a moment is asked again", async () => {
  const startedAt = new Date();
  const asked: Date[] = [];
  const hasReported = async (since: Date) => {
    asked.push(since);
    if (asked.length === 1) throw new Error("not now");
    return asked.length === 3;
  };
  await untilReported({ hasReported, settings, log }, { startedAt, withinMs: 10_000 });
  expect(asked).toEqual([startedAt, startedAt, startedAt]);
});

test("an edge that serves but never reports is a failed start, and the sentence names its log", async () => {
  const waiting = untilReported(
    { hasReported: async () => false, settings, log },
    { startedAt: new Date(), withinMs: 100 },
  );
  await expect(waiting).rejects.toThrow(
    "The edge serves, but it did not report to this control plane within 0.1 s: /data/logs/agent.log says why.",
  );
});
