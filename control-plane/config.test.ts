import { expect, test } from "vitest";
import { readConfig } from "../platform/config.ts";
import { controlPlaneSchema } from "./config.ts";

const needed = {
  DATABASE_URL: "postgres://127.0.0.1/x",
  REDIS_URL: "redis://127.0.0.1",
  CLICKHOUSE_URL: "http://127.0.0.1",
};
const read = (settings: Record<string, string> = {}) => readConfig(controlPlaneSchema, { ...needed, ...settings });

test("proxies and origins are lists; limits have the numbers that customers are told", () => {
  expect(read({ TRUSTED_PROXIES: "loopback, 10.0.0.0/8", CORS_ORIGINS: "https://portal.example.com" })).toMatchObject({
    TRUSTED_PROXIES: ["loopback", "10.0.0.0/8"],
    CORS_ORIGINS: ["https://portal.example.com"],
  });
  expect(read()).toMatchObject({
    TRUSTED_PROXIES: [],
    CORS_ORIGINS: [],
    RATE_LIMIT_PER_MINUTE: 100,
    RATE_LIMIT_TOKEN_PER_MINUTE: 600,
    PURGE_ITEMS_PER_MINUTE: 10_000,
    PREFETCH_URLS_PER_MINUTE: 1_000,
    LOGIN_ATTEMPTS_PER_MINUTE: 5,
    LOGIN_BAN_SECONDS: 900,
  });
});

test.each([
  ["TRUSTED_PROXIES", "loopback,proxy.internal", /TRUSTED_PROXIES\.1: proxy\.internal must be an address, a network/],
  ["CORS_ORIGINS", "*", /CORS_ORIGINS\.0: \* must be an exact origin such as https:/],
  ["PURGE_ITEMS_PER_MINUTE", "999", /PURGE_ITEMS_PER_MINUTE: must be at least 1000: one purge may name so many/],
  ["LOGIN_ATTEMPTS_PER_MINUTE", "0", /LOGIN_ATTEMPTS_PER_MINUTE: /],
  ["DNS_SERVERS", "192.0.2.53,resolver", /DNS_SERVERS\.1: resolver must be an address, perhaps with a port/],
  ["ACME_DNS_SERVER", "udp://ns1", /ACME_DNS_SERVER: must be a host or an address/],
  ["ACME_DNS_TSIG", "key:c2hvcnQ=", /ACME_DNS_TSIG: must be name:base64 with at least 16 bytes/],
  ["ACME_EAB_HMAC_KEY", "with+plus/and=signs", /ACME_EAB_HMAC_KEY: must be base64url/],
  ["ACME_EMAIL", "ops", /ACME_EMAIL: must be an e-mail address/],
])("%s=%s is refused by name, with what would be right", (name, value, fault) => {
  expect(() => read({ [name]: value })).toThrow(fault);
});

test("the key of the zone's primary is written as nsupdate takes it", () => {
  const secret = "MDEyMzQ1Njc4OWFiY2RlZg==";
  for (const key of [`edgewright:${secret}`, `hmac-sha512:edgewright.example.com.:${secret}`]) {
    expect(read({ ACME_DNS_TSIG: key })).toMatchObject({ ACME_DNS_TSIG: key });
  }
});
