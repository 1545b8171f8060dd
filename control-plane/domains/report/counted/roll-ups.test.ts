import { expect, test } from "vitest";
import { openSince, type Span, stateOf } from "./roll-ups.ts";

const now = new Date("2026-11-21T12:00:00Z");
const until = new Date("2026-11-21T11:58:00Z");
const at = (time: string) => new Date(`2026-11-21T${time}Z`);

function hour(changes: Partial<Span> = {}): Span {
  return {
    ...{ time: at("10:00:00"), storedLast: at("11:00:00"), notedLast: undefined, reconciledUntil: undefined },
    ...changes,
  };
}

test("an hour is compared once its lines had time to be counted, and again when more come", () => {
  expect(stateOf(hour(), until, now)).toBe("ready");
  expect(stateOf(hour({ storedLast: at("11:58:30") }), until, now)).toBe("busy");
  expect(stateOf(hour({ reconciledUntil: at("11:05:00") }), until, now)).toBe("done");
  expect(stateOf(hour({ reconciledUntil: at("10:55:00") }), until, now)).toBe("ready");
});

test("lines that were sent again make an hour doubtful until it was compared since", () => {
  expect(stateOf(hour({ notedLast: at("11:10:00") }), until, now)).toBe("doubtful");
  expect(stateOf(hour({ notedLast: at("11:59:00") }), until, now)).toBe("busy");
  expect(stateOf(hour({ notedLast: at("11:10:00"), reconciledUntil: at("11:05:00") }), until, now)).toBe("doubtful");
  expect(stateOf(hour({ notedLast: at("11:10:00"), reconciledUntil: at("11:15:00") }), until, now)).toBe("done");
});

test("an hour of a closed month is left alone once it was compared", () => {
  const closed = { time: new Date("2026-10-31T23:00:00Z"), reconciledUntil: new Date("2026-11-01T00:10:00Z") };
  expect(stateOf(hour(closed), until, now)).toBe("done");
  expect(stateOf(hour({ ...closed, reconciledUntil: undefined }), until, now)).toBe("ready");
});

test("a month is open for a week after its end", () => {
  expect(openSince(new Date("2026-11-07T23:59:59Z"))).toEqual(new Date("2026-10-01T00:00:00Z"));
  expect(openSince(new Date("2026-11-08T00:00:00Z"))).toEqual(new Date("2026-11-01T00:00:00Z"));
});
