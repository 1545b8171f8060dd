import { expect, test } from "vitest";
import { Problem } from "../../../../platform/problem.ts";
import { tooManyRequests } from "../../../http/problems.ts";
import { createTurns } from "./turns.ts";

const patient = new AbortController().signal;
const MINUTE_MS = 60_000;

/** Turns with a clock that is set, and who was served in which order. */
function turnsOf(limits: { atOnce: number; forModest: number; runningEachMax?: number; waitingEachMax?: number }) {
  let nowMs = 0;
  const turns = createTurns({
    waitingEachMax: 5,
    refusal: () => new Problem(tooManyRequests, "Wait."),
    ...limits,
    clockMs: () => nowMs,
  });
  const served: string[] = [];
  return {
    turns,
    served,
    pass(ms: number) {
      nowMs += ms;
    },
    ask: (who: string) =>
      turns.take(who, patient).then((done) => {
        served.push(who);
        return done;
      }),
    async spend(who: string, ms: number) {
      const done = await turns.take(who, patient);
      nowMs += ms;
      done();
    },
  };
}

test("the next turn goes to who has had the least time, what runs counted; who has had as much, in the order of asking", async () => {
  const { ask, served, pass } = turnsOf({ atOnce: 2, forModest: 0 });
  const [first, second] = [await ask("greedy"), await ask("greedy")];
  const waiting = [ask("greedy"), ask("modest"), ask("newcomer")];
  pass(20_000);
  first();
  const modest = await waiting[1];
  pass(1_000);
  modest?.();
  (await waiting[2])?.();
  second();
  (await waiting[0])?.();
  expect(served).toEqual(["greedy", "greedy", "modest", "newcomer", "greedy"]);
});

test("some turns are kept for those who have no other and have had little time: accounts that hold all others hold nobody else up", async () => {
  const { ask, spend, served } = turnsOf({ atOnce: 4, forModest: 2 });
  for (const greedy of ["a", "b", "c"]) await spend(greedy, 20_000);
  const held = [await ask("a"), await ask("b")];
  const kept = [ask("a"), ask("b"), ask("c")];
  const [modest, another] = [await ask("modest"), await ask("another")];
  modest();
  const again = await ask("modest");
  expect(served).toEqual(["a", "b", "modest", "another", "modest"]);

  for (const done of [again, another, ...held]) done();
  for (const one of kept) (await one)();
  expect(served.slice(5).toSorted()).toEqual(["a", "b", "c"]);
});

test("where nobody else asks, half of the turns are one's own; a second one leaves the others theirs", async () => {
  const { ask, served } = turnsOf({ atOnce: 4, forModest: 2 });
  const own = [await ask("a"), await ask("a")];
  const third = ask("a");
  const others = [await ask("b"), await ask("c")];
  expect(served).toEqual(["a", "a", "b", "c"]);
  for (const done of [...own, ...others]) done();
  (await third)();
});

test("the modest are served from what is kept for them: what is everybody's stays so while they come and go", async () => {
  const { ask, spend, served } = turnsOf({ atOnce: 4, forModest: 2 });
  await spend("busy", 60_000);
  const newcomers = [await ask("b"), await ask("c")];
  const busy = [await ask("busy"), await ask("busy")];
  expect(served).toEqual(["b", "c", "busy", "busy"]);
  for (const done of [...newcomers, ...busy]) done();
});

test("who may have one at a time leaves all others to others", async () => {
  const { ask, served } = turnsOf({ atOnce: 3, forModest: 0, runningEachMax: 1 });
  const first = await ask("a");
  const waiting = [ask("a"), ask("a")];
  const others = [await ask("b"), await ask("c")];
  expect(served).toEqual(["a", "b", "c"]);
  for (const done of others) done();
  first();
  for (const one of waiting) (await one)();
  expect(served).toEqual(["a", "b", "c", "a", "a"]);
});

test("time that was had is forgotten by and by", async () => {
  const { ask, spend, pass, served } = turnsOf({ atOnce: 1, forModest: 0 });
  await spend("long ago", 60_000);
  pass(60 * MINUTE_MS);
  await spend("just now", 5_000);
  const done = await ask("somebody");
  const waiting = [ask("just now"), ask("long ago")];
  done();
  (await waiting[1])?.();
  (await waiting[0])?.();
  expect(served).toEqual(["somebody", "long ago", "just now"]);
});

test("each turn that ends lets in as many as there is room for then", async () => {
  const { ask, served, pass } = turnsOf({ atOnce: 4, forModest: 2 });
  const [first, second] = [await ask("a"), await ask("a")];
  pass(1_000);
  const other = await ask("b");
  const waiting = [ask("b"), ask("a")];
  first();
  second();
  // The second one of b takes what is for everybody; the next of a is its first.
  const entered = await Promise.all(waiting);
  expect(served).toEqual(["a", "a", "b", "b", "a"]);
  for (const done of [other, ...entered]) done();
});

test("whoever goes away while waiting takes no turn", async () => {
  const { turns } = turnsOf({ atOnce: 1, forModest: 0 });
  const done = await turns.take("a", patient);
  const impatient = new AbortController();
  const gone = turns.take("b", impatient.signal);
  const next = turns.take("c", patient);
  impatient.abort(new Error("went away"));
  await expect(gone).rejects.toThrow("went away");
  done();
  (await next)();
  (await turns.take("d", patient))();
});

test("more than may wait are refused at once", async () => {
  const { turns } = turnsOf({ atOnce: 1, forModest: 0, waitingEachMax: 1 });
  const done = await turns.take("a", patient);
  const waiting = turns.take("a", patient);
  await expect(turns.take("a", patient)).rejects.toMatchObject({ kind: tooManyRequests });
  done();
  (await waiting)();
});
