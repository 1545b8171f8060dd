import { expect, test } from "vitest";
import { signedHeaders } from "./signature.ts";

const key = { key_id: "6vE59B1z4p174N25", key_secret: "28G5nC2zw143m25026n9H11PwNYs4576" };

test("a request is signed as SwiftFederation's documents show it", () => {
  const now = new Date("2019-04-01T13:10:00.999Z");
  expect(signedHeaders({ method: "GET", path: "/v1.1/customer/1", body: "", now, nonce: "69527" }, key)).toEqual({
    authorization: "HMAC-SHA256 6vE59B1z4p174N25:dc0e08bf6f6487c044d2f8388da0baf7a8eda7f506b1eeffaf59957ac86969f3",
    "x-sfd-date": "20190401T131000Z",
    "x-sfd-nonce": "69527",
  });
});

test("nothing of a request can be changed without its signature", () => {
  const signed = { method: "POST", path: "/v1.1/report/volume", body: "{}", now: new Date(0), nonce: "12345" };
  const of = (more: object, secret = key.key_secret) =>
    signedHeaders({ ...signed, ...more }, { ...key, key_secret: secret }).authorization;
  const all = [
    of({}),
    of({ method: "PUT" }),
    of({ path: "/v1.1/report/bandwidth" }),
    of({ body: "{ }" }),
    of({ now: new Date(1000) }),
    of({ nonce: "12346" }),
    of({}, "another"),
  ];
  expect(new Set(all).size).toBe(all.length);
});
