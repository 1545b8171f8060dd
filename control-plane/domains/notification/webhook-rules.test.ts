import { expect, test } from "vitest";
import { TEST_EVENT } from "./events.ts";
import { GIVEN_UP_AFTER_MS, givenUp, RETRY_AFTER_MS, retryDelayMs, urlFaults, wants } from "./webhook-rules.ts";

const publicOnly = { allowPrivateOrigins: false };
const everything = { allowPrivateOrigins: true };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

test.each([
  ["hooks.example.com/in", "must be a URL"],
  ["ftp://hooks.example.com/", "must be a URL"],
  ["http://hooks.example.com/", "must begin with https"],
  ["https://user:pass@hooks.example.com/", "must not carry a user"],
  ["https://hooks.example.com/#part", "must not have a fragment"],
  ["https://hooks.example.com:0/", "must name a port"],
  ["https://localhost/", "points at a private address"],
  ["https://a.localhost/", "points at a private address"],
  ["https://10.0.0.1/", "points at a private address"],
  ["https://2130706433/", "points at a private address"],
  ["https://0x7f.1/", "points at a private address"],
  ["https://[::1]/", "points at a private address"],
  ["https://[::ffff:127.0.0.1]/", "points at a private address"],
  ["https://[fd00::1]/", "points at a private address"],
  ["https://169.254.169.254/latest/meta-data/", "points at an address that no receiver may have"],
  ["https://[64:ff9b::a9fe:a9fe]/", "points at an address that no receiver may have"],
  ["https://0.0.0.0/", "points at an address that no receiver may have"],
])("%s %s", (url, fault) => {
  expect(urlFaults(url, publicOnly).join(" ")).toContain(fault);
});

test.each(["https://hooks.example.com/in?key=1", "https://203.0.114.7:8443/", "https://[2606:4700::1111]/"])(
  "%s may be a webhook",
  (url) => {
    expect(urlFaults(url, publicOnly)).toEqual([]);
  },
);

test("where private origins are allowed, so are http and this machine, and the metadata service never", () => {
  expect(urlFaults("http://127.0.0.1:9000/", everything)).toEqual([]);
  expect(urlFaults("http://localhost:9000/", everything)).toEqual([]);
  expect(urlFaults("http://169.254.169.254/", everything)).toHaveLength(1);
});

test("a delivery is tried for a day, ever less often, and a test once", () => {
  const delays = RETRY_AFTER_MS.map((_, index) =>
    retryDelayMs({ event: "certificate.issued", attempts: index + 1, askedWaitMs: undefined }, 0.5),
  );
  expect(delays).toEqual(RETRY_AFTER_MS);
  const hours = RETRY_AFTER_MS.reduce((sum, delay) => sum + delay, 0) / HOUR_MS;
  expect(hours).toBeGreaterThan(23);
  expect(hours).toBeLessThan(25);
  const last = { event: "certificate.issued", attempts: RETRY_AFTER_MS.length + 1, askedWaitMs: undefined };
  expect(retryDelayMs(last, 0.5)).toBeUndefined();
  expect(retryDelayMs({ event: TEST_EVENT, attempts: 1, askedWaitMs: undefined }, 0.5)).toBeUndefined();
});

test("a receiver may ask for a longer wait, but not for a longer one than eight hours", () => {
  const after = (askedWaitMs: number) => retryDelayMs({ event: "domain.lost", attempts: 1, askedWaitMs }, 0.5);
  expect(after(1_000)).toBe(5_000);
  expect(after(60_000)).toBe(60_000);
  expect(after(1_000 * HOUR_MS)).toBe(8 * HOUR_MS);
});

test("receivers that failed together are not asked together", () => {
  const delays = [0, 1].map((random) =>
    retryDelayMs({ event: "domain.won", attempts: 5, askedWaitMs: undefined }, random),
  );
  expect(delays).toEqual([108 * MINUTE_MS, 132 * MINUTE_MS]);
});

test("a webhook is given up when a delivery is and nothing has arrived for three days, or when it says so", () => {
  const now = new Date("2026-03-10T00:00:00Z");
  const long = new Date(now.getTime() - GIVEN_UP_AFTER_MS);
  expect(givenUp({ failingSince: long, isLast: true, statusCode: 500 }, now)).toContain("2026-03-07");
  expect(givenUp({ failingSince: long, isLast: false, statusCode: 500 }, now)).toBeUndefined();
  expect(givenUp({ failingSince: new Date(long.getTime() + 1), isLast: true, statusCode: null }, now)).toBeUndefined();
  expect(givenUp({ failingSince: now, isLast: false, statusCode: 410 }, now)).toContain("410");
});

test("a webhook is told what it is for", () => {
  expect(wants(["*"], "domain.lost")).toBe(true);
  expect(wants(["domain.lost", "domain.won"], "domain.lost")).toBe(true);
  expect(wants(["domain.won"], "domain.lost")).toBe(false);
});
