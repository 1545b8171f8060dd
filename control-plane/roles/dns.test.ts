import { expect, test } from "vitest";
import { openResolvers, openZoneUpdater } from "./dns.ts";

const PLATFORM_ZONE = "cdn.example.com";
const server = { ACME_DNS_SERVER: "ns1.example.com" };
const key = { ACME_DNS_TSIG: "edgewright:MDEyMzQ1Njc4OWFiY2RlZg==" };

test("updates of the zone need a server and a key, or neither", () => {
  const open = (settings: object) =>
    openZoneUpdater({ ACME_DNS_SERVER: undefined, ACME_DNS_TSIG: undefined, PLATFORM_ZONE, ...settings });
  expect(open({})).toBeUndefined();
  expect(open({ ...server, ...key })).toBeDefined();
  expect(() => open(server)).toThrow("ACME_DNS_TSIG: is required with ACME_DNS_SERVER");
  expect(() => open(key)).toThrow("ACME_DNS_SERVER: is required with ACME_DNS_TSIG");
});

test("each resolver that is named is asked for itself", () => {
  expect(openResolvers({ DNS_SERVERS: ["192.0.2.1", "192.0.2.2"] })).toHaveLength(2);
  expect(openResolvers({ DNS_SERVERS: undefined })).toHaveLength(1);
});
