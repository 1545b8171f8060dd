import { expect, test } from "vitest";
import { batchesOf, periodToAsk, piecesOf } from "./rules.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const now = new Date("2026-05-20T12:02:10Z");
const ago = (ms: number) => new Date(Date.parse("2026-05-20T12:00:00Z") - ms);
const link = { since: ago(10 * DAY_MS), until: null, syncedUntil: null, revisedAt: null, syncError: null };

test("at first everything since the link began is asked for, but no more than 60 days", () => {
  expect(periodToAsk(link, { now })).toEqual({ from: ago(10 * DAY_MS), to: ago(0), isWhole: true });
  const older = periodToAsk({ ...link, since: ago(300 * DAY_MS) }, { now });
  expect(older).toEqual({ from: ago(60 * DAY_MS), to: ago(0), isWhole: true });
});

test("then the last three hours, and every six hours all that may be revised", () => {
  const synced = { ...link, syncedUntil: ago(15 * MINUTE_MS), revisedAt: ago(HOUR_MS) };
  expect(periodToAsk(synced, { now })).toEqual({ from: ago(3 * HOUR_MS), to: ago(0), isWhole: false });
  const due = periodToAsk({ ...synced, revisedAt: ago(6 * HOUR_MS) }, { now });
  expect(due).toEqual({ from: ago(72 * HOUR_MS), to: ago(0), isWhole: true });
});

test("what was missed while nobody asked is asked for", () => {
  const away = { ...link, syncedUntil: ago(5 * DAY_MS), revisedAt: ago(HOUR_MS) };
  expect(periodToAsk(away, { now })).toMatchObject({ from: ago(5 * DAY_MS), isWhole: true });
});

test("a person may ask for more, never for less, and not for what came before the link", () => {
  const synced = { ...link, syncedUntil: ago(15 * MINUTE_MS), revisedAt: ago(HOUR_MS) };
  expect(periodToAsk(synced, { now, from: ago(HOUR_MS) })?.from).toEqual(ago(3 * HOUR_MS));
  expect(periodToAsk(synced, { now, from: ago(7 * DAY_MS) })?.from).toEqual(ago(7 * DAY_MS));
  expect(periodToAsk(synced, { now, from: ago(30 * DAY_MS) })?.from).toEqual(ago(10 * DAY_MS));
});

test("a link that has ended is asked about as long as its last hours may be revised", () => {
  const ended = { ...link, until: ago(HOUR_MS), syncedUntil: ago(HOUR_MS), revisedAt: ago(5 * HOUR_MS) };
  expect(periodToAsk(ended, { now })).toEqual({ from: ago(3 * HOUR_MS), to: ago(HOUR_MS), isWhole: false });
  const later = { ...ended, until: ago(4 * HOUR_MS), syncedUntil: ago(4 * HOUR_MS) };
  expect(periodToAsk(later, { now })).toBeUndefined();
  expect(periodToAsk({ ...later, revisedAt: ago(7 * HOUR_MS) }, { now })).toMatchObject({ to: ago(4 * HOUR_MS) });
});

test("a link that begins with the next five minutes is not asked about yet", () => {
  expect(periodToAsk({ ...link, since: ago(-5 * MINUTE_MS) }, { now })).toBeUndefined();
});

test("pieces follow one another without a gap", () => {
  const pieces = piecesOf({ from: ago(50 * HOUR_MS), to: ago(0) }, DAY_MS);
  expect(pieces).toEqual([
    { from: ago(50 * HOUR_MS), to: ago(26 * HOUR_MS) },
    { from: ago(26 * HOUR_MS), to: ago(2 * HOUR_MS) },
    { from: ago(2 * HOUR_MS), to: ago(0) },
  ]);
});

test("links of one period are asked for together, as many as one request may name", () => {
  const alike = ["a", "b", "c"].map((resource) => ({ ...link, resource }));
  const other = { ...link, resource: "d", since: ago(DAY_MS) };
  const named = (links: Parameters<typeof batchesOf>[0]) =>
    batchesOf(links, { now, resourcesMax: 2 }).map((batch) => batch.links.map(({ resource }) => resource));
  expect(named([...alike, other])).toEqual([["a", "b"], ["c"], ["d"]]);
  const leftOut = ["x", "y"].map((resource) => ({ ...link, resource, syncError: "unknown" }));
  expect(named([...leftOut, ...alike])).toEqual([["a", "b"], ["c"], ["x"], ["y"]]);
});
