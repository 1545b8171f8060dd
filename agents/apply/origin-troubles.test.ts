// What the log says of origins that cannot be resolved: changes, and a count, not every try.
import { expect, test } from "vitest";
import { createLogger } from "../../platform/log.ts";
import { createOriginTroubles } from "./origin-troubles.ts";
import { ForbiddenAddress } from "./resolve.ts";

function troublesWithLog() {
  const lines: { msg: string; origin?: string; origins?: number }[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  let now = 0;
  const troubles = createOriginTroubles(createLogger({ role: "test", level: "info", destination }), () => now);
  const passMinute = () => {
    now += 60_000;
  };
  return { troubles, lines, passMinute };
}

const noAnswer = new Error("no answer");

test("an origin is told of when it begins to fail, becomes forbidden, and works again", () => {
  const { troubles, lines } = troublesWithLog();
  for (const fault of [undefined, noAnswer, noAnswer, new ForbiddenAddress("10.0.0.1"), undefined, undefined])
    troubles.note("a:80", fault);
  expect(lines.map(({ msg }) => msg)).toEqual([
    "an origin could not be resolved",
    "an origin leads to a forbidden address",
    "an origin is resolved again",
  ]);
});

test("a thousand origins that fail together cost twenty lines, and one more a minute with their number", () => {
  const { troubles, lines, passMinute } = troublesWithLog();
  const tryAll = () => {
    for (let place = 0; place < 1_000; place += 1) troubles.note(`origin-${place}:80`, noAnswer);
  };
  tryAll();
  tryAll();
  expect(lines).toHaveLength(20);
  passMinute();
  tryAll();
  expect(lines.slice(20)).toEqual([expect.objectContaining({ origins: 1_000 })]);
});

test("an origin that no document names any more is in no count", () => {
  const { troubles, lines, passMinute } = troublesWithLog();
  troubles.note("a:80", noAnswer);
  troubles.forget("a:80");
  passMinute();
  troubles.note("b:80", undefined);
  expect(lines).toHaveLength(1);
});
