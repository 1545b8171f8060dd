import fc from "fast-check";
import { expect, test } from "vitest";
import type { Verdict } from "./judge.ts";
import { type AlertState, isDue, newState, step, type Turn, toBeTold } from "./state.ts";

const MINUTE_MS = 60_000;
const START = new Date("2026-03-01T12:00:00Z");
const at = (minute: number) => new Date(START.getTime() + minute * MINUTE_MS);

type Look = "bad" | "between" | "good";
const looks = fc.constantFrom<Look>("bad", "between", "good");

function verdictOf(look: Look, covers: readonly string[] = []): Verdict {
  return { holds: look === "bad", isClear: look === "good", value: 1, reason: look, covers };
}

interface Moment {
  readonly minute: number;
  readonly look: Look;
  readonly state: AlertState;
  readonly turn: Turn | undefined;
}

function live(
  seen: readonly { readonly look: Look; readonly skipped?: number }[],
  hysteresis: { readonly raiseAfterMinutes: number; readonly resolveAfterMinutes: number },
): readonly Moment[] {
  let state = newState(START);
  let minute = 0;
  return seen.map(({ look, skipped = 0 }) => {
    minute += 1 + skipped;
    const taken = step(state, verdictOf(look), { until: at(minute), hysteresis });
    state = taken.state;
    return { minute, look, state, turn: taken.turn };
  });
}

const hysteresis = fc.record({ raiseAfterMinutes: fc.nat(4), resolveAfterMinutes: fc.nat(4) });
const history = fc.array(fc.record({ look: looks, skipped: fc.constantFrom(0, 0, 0, 1, 9) }), { maxLength: 60 });

test("raised and resolved take turns, and the state is what the last turn said", () => {
  fc.assert(
    fc.property(history, hysteresis, (seen, h) => {
      let isRaised = false;
      for (const { turn, state } of live(seen, h)) {
        if (turn !== undefined) {
          expect(turn === "raised").toBe(!isRaised);
          isRaised = !isRaised;
        }
        expect(state.status === "raised").toBe(isRaised);
      }
    }),
  );
});

/** The moments up to this one that a streak of so many minutes needs, without a gap. */
function streak(moments: readonly Moment[], end: number, minutes: number): readonly Moment[] | undefined {
  const last = moments[end];
  if (last === undefined) return undefined;
  const within: Moment[] = [];
  for (let index = end; index >= 0; index -= 1) {
    const moment = moments[index];
    if (moment === undefined) return undefined;
    within.unshift(moment);
    if (last.minute - moment.minute >= minutes) return within;
    const before = moments[index - 1];
    if (before === undefined || moment.minute - before.minute > 5) return undefined;
  }
  return undefined;
}

test("it is raised once it has held for so long without a gap, not before and not later", () => {
  fc.assert(
    fc.property(history, hysteresis, (seen, h) => {
      const moments = live(seen, h);
      moments.forEach(({ turn, state }, index) => {
        const held = streak(moments, index, h.raiseAfterMinutes)?.every(({ look }) => look === "bad") ?? false;
        if (turn === "raised") expect(held).toBe(true);
        if (held) expect(state.status).toBe("raised");
      });
    }),
  );
});

test("it is resolved once it was clear for so long without a gap; neither good nor bad keeps it raised", () => {
  fc.assert(
    fc.property(history, hysteresis, (seen, h) => {
      const moments = live(seen, h);
      moments.forEach(({ turn, state }, index) => {
        const cleared = streak(moments, index, h.resolveAfterMinutes)?.every(({ look }) => look === "good") ?? false;
        if (turn === "resolved") expect(cleared).toBe(true);
        if (cleared) expect(state.status).toBe("ok");
      });
    }),
  );
});

test("whoever was told, muted now and then, knows in the end how it stands, and is told nothing twice", () => {
  const steps = fc.array(fc.record({ look: looks, isMuted: fc.boolean() }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, hysteresis, (seen, h) => {
      let state = newState(START);
      const told: Turn[] = [];
      seen.forEach(({ look, isMuted }, index) => {
        state = step(state, verdictOf(look), { until: at(index + 1), hysteresis: h }).state;
        const news = toBeTold(state, isMuted);
        if (news !== undefined) told.push(news);
        if (news !== undefined) state = { ...state, isTold: news === "raised" };
        if (!isMuted) expect(told.at(-1) ?? "resolved").toBe(state.status === "raised" ? "raised" : "resolved");
      });
      told.forEach((turn, index) => {
        expect(turn).toBe(index % 2 === 0 ? "raised" : "resolved");
      });
    }),
  );
});

test("while it is raised, another certificate is news, and one fewer is none", () => {
  const at0 = { hysteresis: { raiseAfterMinutes: 0, resolveAfterMinutes: 0 } };
  const first = step(newState(START), verdictOf("bad", ["a"]), { until: at(1), ...at0 });
  expect(first.turn).toBe("raised");
  const told = { ...first.state, isTold: true };
  const second = step(told, verdictOf("bad", ["a", "b"]), { until: at(2), ...at0 });
  expect(second.turn).toBe("raised");
  expect(toBeTold(second.state, false)).toBe("raised");
  const third = step({ ...second.state, isTold: true }, verdictOf("bad", ["b"]), { until: at(3), ...at0 });
  expect(third.turn).toBeUndefined();
  expect(toBeTold(third.state, false)).toBeUndefined();
});

test("a minute is judged once; a judgement that a wrong clock dated far ahead keeps nobody from judging", () => {
  expect(isDue({ judgedUntil: null }, at(1))).toBe(true);
  expect(isDue({ judgedUntil: at(1) }, at(1))).toBe(false);
  expect(isDue({ judgedUntil: at(3) }, at(2))).toBe(false);
  expect(isDue({ judgedUntil: at(1) }, at(2))).toBe(true);
  expect(isDue({ judgedUntil: at(60) }, at(2))).toBe(true);
});
