// The agent's settings: what is refused at the door.
import { expect, test } from "vitest";
import { readConfig } from "../platform/config.ts";
import { agentSchema } from "./config.ts";

function read(settings: Record<string, string>) {
  return readConfig(agentSchema, { CONTROL_PLANE_URL: "https://control.example.com", ...settings });
}

test.each(["https://control.example.com", "http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])(
  "%s is private on the way",
  (url) => {
    expect(read({ CONTROL_PLANE_URL: url }).CONTROL_PLANE_URL).toBe(url);
  },
);

test.each(["http://control.example.com", "http://10.0.0.1:8080", "http://127.0.0.1.example.com"])(
  "%s is not",
  (url) => {
    expect(() => read({ CONTROL_PLANE_URL: url })).toThrow("must begin with https://");
  },
);

test("a ClickHouse for log lines is asked over TLS, unless it is on this machine", () => {
  const url = "https://user:password@clickhouse.example.com:8443/cdn";
  expect(read({ LOG_CLICKHOUSE_URL: url }).LOG_CLICKHOUSE_URL).toBe(url);
  expect(read({ LOG_CLICKHOUSE_URL: "http://127.0.0.1:8123" }).LOG_CLICKHOUSE_URL).toBe("http://127.0.0.1:8123");
  expect(() => read({ LOG_CLICKHOUSE_URL: "http://10.0.0.1:8123" })).toThrow("must begin with https://");
  expect(read({}).LOG_CLICKHOUSE_URL).toBeUndefined();
});

test("the platform's own listeners are addresses and ports; every address is a star", () => {
  const { FORBIDDEN_ORIGIN_ADDRESSES: forbidden } = read({
    FORBIDDEN_ORIGIN_ADDRESSES: "127.0.0.1:5432, 0.0.0.0:8080,[::]:8443,*:80",
  });
  expect(forbidden).toEqual([
    { host: "127.0.0.1", port: 5432 },
    { host: "*", port: 8080 },
    { host: "*", port: 8443 },
    { host: "*", port: 80 },
  ]);
  expect(() => read({ FORBIDDEN_ORIGIN_ADDRESSES: "database:5432" })).toThrow("must be an address and a port");
});
