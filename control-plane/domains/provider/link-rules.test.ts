import { expect, test } from "vitest";
import { linkEnd, linkStart } from "./link-rules.ts";

const at = (text: string) => new Date(`2026-05-20T${text}Z`);
const now = at("12:02:10");

test("a resource that was never linked is linked from the five minutes that run, or from when it is said", () => {
  expect(linkStart(undefined, undefined, now)).toEqual({ since: at("12:00:00"), endsCurrent: false });
  expect(linkStart(undefined, at("09:03:20"), now)).toEqual({ since: at("09:00:00"), endsCurrent: false });
});

test("one that moves does so with the next five minutes", () => {
  const last = { since: at("09:00:00"), until: null };
  expect(linkStart(last, undefined, now)).toEqual({ since: at("12:05:00"), endsCurrent: true });
  expect(linkStart({ since: at("12:05:00"), until: null }, undefined, now)).toEqual({
    since: at("12:05:00"),
    endsCurrent: true,
  });
});

test("one that was taken away is linked again no earlier than that was", () => {
  const last = { since: at("09:00:00"), until: at("12:05:00") };
  expect(linkStart(last, undefined, now)).toEqual({ since: at("12:05:00"), endsCurrent: false });
  expect(linkStart({ ...last, until: at("10:00:00") }, undefined, now)).toEqual({
    since: at("12:00:00"),
    endsCurrent: false,
  });
  expect(linkStart({ ...last, until: at("10:00:00") }, at("10:00:00"), now)).toEqual({
    since: at("10:00:00"),
    endsCurrent: false,
  });
});

test.each([
  [undefined, at("12:02:11"), "must not lie in the future."],
  [undefined, new Date("2026-03-21T12:02:09Z"), "must lie within the last 60 days."],
  [{ since: at("09:00:00"), until: null }, at("10:00:00"), "is linked already"],
  [{ since: at("09:00:00"), until: null }, at("08:00:00"), "is linked already"],
  [{ since: at("09:00:00"), until: at("10:05:00") }, at("10:00:00"), "was linked until 2026-05-20T10:05:00.000Z"],
])("what was counted stays: after %j nothing begins at %j", (last, asked, fault) => {
  expect(linkStart(last, asked, now)).toEqual({ fault: expect.stringContaining(fault) });
});

test("a link ends with the five minutes that run; one that has not begun was never there", () => {
  expect(linkEnd({ since: at("09:00:00"), until: null }, now)).toEqual(at("12:05:00"));
  expect(linkEnd({ since: at("12:00:00"), until: null }, now)).toEqual(at("12:05:00"));
  expect(linkEnd({ since: at("12:05:00"), until: null }, now)).toBeUndefined();
});
