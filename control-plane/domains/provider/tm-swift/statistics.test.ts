import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createAsk } from "../request.ts";
import { tmSwiftSettings } from "../settings.ts";
import { createTmSwift, tmSwiftRefusal } from "./statistics.ts";
import { ACCESS_KEY, CUSTOMER_ID, startTestTmSwift } from "./test-tm-swift.ts";

const now = new Date("2026-05-20T12:03:10Z");
const from = new Date("2026-05-20T11:00:00Z");
const to = new Date("2026-05-20T12:00:00Z");
const at = (text: string) => new Date(`2026-05-20T${text}:00Z`);
const going = new AbortController().signal;

let swift: Awaited<ReturnType<typeof startTestTmSwift>>;
beforeAll(async () => {
  swift = await startTestTmSwift(() => now);
});
afterAll(() => swift.stop());
beforeEach(() => swift.asked.splice(0));

function open({ secret = ACCESS_KEY.key_secret, clock = () => now } = {}) {
  const settings = { base_url: swift.url, delivery_url: swift.url, customer_id: CUSTOMER_ID };
  const ask = createAsk({
    name: "TM Swift",
    allowPrivateOrigins: true,
    refusalOf: tmSwiftRefusal,
    wait: async () => {},
  });
  const credentials = { ...ACCESS_KEY, key_secret: secret };
  return createTmSwift({ settings: tmSwiftSettings.parse(settings), credentials, ask, clock });
}

test("its four reports make one row of each five minutes; what it does not tell stays 0", async () => {
  const said = { volume: 5_000, hitVolume: 4_000, requests: 90, hits: 80, originCodes: { "200": 7, "304": 3 } };
  swift.say("www.example.com", at("11:05"), said);
  swift.say("www.example.com", at("12:00"), said);
  swift.say("img.example.com", at("11:55"), { volume: 1 });
  const asked = { resources: ["www.example.com", "img.example.com"], from, to };
  const nothing = { requests: 0, hits: 0, bytesOut: 0, hitBytes: 0, originRequests: 0, originBytes: 0 };
  expect(await open().statistics(asked, going)).toEqual([
    {
      ...nothing,
      ...{ resource: "www.example.com", time: at("11:05"), requests: 90, hits: 80, bytesOut: 5_000, hitBytes: 4_000 },
      ...{ originRequests: 10, byStatusClass: [0, 0, 0, 0, 0] },
    },
    { ...nothing, resource: "img.example.com", time: at("11:55"), bytesOut: 1, byStatusClass: [0, 0, 0, 0, 0] },
  ]);
  expect(swift.asked.map(({ url }) => url.pathname)).toEqual([
    "/v1.1/report/volume",
    "/v1.0/report/hit_volume",
    "/v1.0/report/hit_request_number",
    "/v1.0/report/origin_http_codes",
  ]);
});

test("every attempt is signed anew", async () => {
  swift.say("www.example.com", at("11:05"), {});
  swift.misbehave({ status: 429, body: { code: "ratelimit", message: "Slow down" }, headers: { "retry-after": "7" } });
  await open().check(going);
  const nonces = swift.asked.map(({ headers }) => headers["x-sfd-nonce"]);
  expect(nonces).toHaveLength(2);
  expect(new Set(nonces).size).toBe(2);
});

test("a wrong secret, a clock that is off and a domain that it does not know are told apart", async () => {
  const asked = { resources: ["www.example.com"], from, to };
  await expect(open({ secret: "wrong" }).check(going)).rejects.toMatchObject({
    fault: "denied",
    message: expect.stringContaining("answered 401 and said: Authentication.Failed: The signature does not match"),
  });
  const late = () => new Date(now.getTime() + 61 * 60_000);
  await expect(open({ clock: late }).check(going)).rejects.toMatchObject({
    fault: "denied",
    message: expect.stringContaining("more than 1 hour off"),
  });
  await expect(open().statistics({ ...asked, resources: ["nobody.example"] }, going)).rejects.toMatchObject({
    fault: "refused",
    message: "TM Swift answered 404 and said: Domain.NotFound: Domain nobody.example is not found.",
  });
});

test("an answer that is not as documented is nobody's traffic", async () => {
  swift.misbehave(
    ...Array.from({ length: 4 }, () => ({
      status: 200,
      body: [{ domain: "www.example.com", volumes: [{ timestamp: "yesterday", value: -1 }] }],
    })),
  );
  const asked = { resources: ["www.example.com"], from, to };
  await expect(open().statistics(asked, going)).rejects.toThrow(
    "TM Swift answered what it does not document (at /0/timestamp)",
  );
});
