import { expect, test } from "vitest";
import { tooManyRequests } from "../../../http/problems.ts";
import { createTurns } from "./turns.ts";

const patient = new AbortController().signal;

test("who asks a lot waits behind their own questions, and others have their turn", async () => {
  const turns = createTurns({ atOnce: 2, atOnceEach: 1, waitingEachMax: 5 });
  const served: string[] = [];
  const ask = (who: string, name: string) =>
    turns.take(who, patient).then((done) => {
      served.push(name);
      return done;
    });
  const first = await ask("greedy", "greedy 1");
  const later = [ask("greedy", "greedy 2"), ask("greedy", "greedy 3")];
  const other = await ask("modest", "modest 1");
  const third = ask("third", "third 1");
  expect(served).toEqual(["greedy 1", "modest 1"]);

  other();
  const doneThird = await third;
  expect(served).toEqual(["greedy 1", "modest 1", "third 1"]);
  first();
  (await later[0])?.();
  (await later[1])?.();
  doneThird();
  expect(served).toEqual(["greedy 1", "modest 1", "third 1", "greedy 2", "greedy 3"]);
});

test("whoever goes away while waiting takes no turn", async () => {
  const turns = createTurns({ atOnce: 1, atOnceEach: 1, waitingEachMax: 5 });
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
  const turns = createTurns({ atOnce: 1, atOnceEach: 1, waitingEachMax: 1 });
  const done = await turns.take("a", patient);
  const waiting = turns.take("a", patient);
  await expect(turns.take("a", patient)).rejects.toMatchObject({ kind: tooManyRequests });
  done();
  (await waiting)();
});
