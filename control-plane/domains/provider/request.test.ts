import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type AskSettings, createAsk } from "./request.ts";
import { type Misbehaviour, type Outside, startOutside } from "./test-outside.ts";

let outside: Outside;
beforeAll(async () => {
  outside = await startOutside(() => ({ status: 200, body: { ok: true } }));
});
afterAll(() => outside.stop());
afterEach(() => outside.asked.splice(0));

const going = new AbortController().signal;

function asking(more: Partial<AskSettings> = {}) {
  const waits: number[] = [];
  const ask = createAsk({
    ...{ name: "Example", allowPrivateOrigins: true, refusalOf: () => undefined, timeoutMs: 30_000 },
    wait: async (ms) => void waits.push(ms),
    ...more,
  });
  const to = (url: string) =>
    ask({ method: "GET", url: new URL(url), headers: () => ({ authorization: "secret" }) }, going);
  return { waits, to, ask };
}

test.each<[string, Misbehaviour]>([
  ["fails", { status: 503, body: {} }],
  ["asks for fewer requests", { status: 429, body: {} }],
  ["breaks off", "cut"],
  ["answers no JSON", { text: "<html>" }],
])("a provider that %s is asked again, three times", async (_, misbehaviour) => {
  outside.misbehave(misbehaviour, misbehaviour, misbehaviour);
  const { waits, to } = asking();
  expect(await to(outside.url)).toEqual({ ok: true });
  expect(waits).toEqual([1_000, 5_000, 15_000]);
  outside.misbehave(misbehaviour, misbehaviour, misbehaviour, misbehaviour);
  await expect(asking().to(outside.url)).rejects.toMatchObject({ fault: "passing" });
});

test("one that says nothing is given up", async () => {
  outside.misbehave("hang", "hang", "hang", "hang");
  await expect(asking({ timeoutMs: 50 }).to(outside.url)).rejects.toMatchObject({
    fault: "passing",
    message: "Example cannot be reached. It did not answer within 1 s.",
  });
  expect(outside.asked).toHaveLength(4);
});

test("it is asked again when it says so, by seconds or a date, unless that is long", async () => {
  const answer = (retryAfter: string) => ({ status: 429, body: {}, headers: { "retry-after": retryAfter } });
  outside.misbehave(answer("30"), answer(new Date(Date.now() + 50_000).toUTCString()));
  const { waits, to } = asking();
  await to(outside.url);
  expect(waits[0]).toBe(30_000);
  expect(waits[1]).toBeGreaterThan(40_000);
  outside.misbehave(answer("61"));
  await expect(asking().to(outside.url)).rejects.toThrow("Example asks for fewer requests: it answered 429.");
});

test("credentials follow no redirect, and go to no private address where these are not allowed", async () => {
  outside.misbehave({ status: 302, body: {}, headers: { location: "http://elsewhere.example/" } });
  await expect(asking().to(outside.url)).rejects.toMatchObject({
    fault: "denied",
    message: expect.stringContaining("redirects are not followed"),
  });
  expect(outside.asked).toHaveLength(1);
  const addressesOf = async () => ["169.254.169.254", "127.0.0.1"];
  await expect(asking({ allowPrivateOrigins: false, addressesOf }).to("http://api.example.com/")).rejects.toThrow(
    "The name api.example.com leads to addresses that this platform does not send to.",
  );
  expect(outside.asked).toHaveLength(1);
});

test("what it says of a refusal is one line, and not longer than a person reads", async () => {
  outside.misbehave({ status: 400, body: {} });
  const { to } = asking({ refusalOf: () => `two\nlines ${"x".repeat(1_000)}` });
  const error: unknown = await to(outside.url).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    fault: "refused",
    message: expect.stringMatching(/^Example answered 400 and said: two lines x+\.$/),
  });
  expect(String(error).length).toBeLessThan(400);
});

test("who stops waits for nothing", async () => {
  outside.misbehave("hang");
  const stopping = new AbortController();
  const { ask } = asking({ timeoutMs: 60_000 });
  const asked = ask({ method: "GET", url: new URL(outside.url), headers: () => ({}) }, stopping.signal);
  const reason = new Error("stopping");
  queueMicrotask(() => stopping.abort(reason));
  await expect(asked).rejects.toBe(reason);
});
