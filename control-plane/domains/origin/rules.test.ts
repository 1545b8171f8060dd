import { expect, test } from "vitest";
import { primaryIndex, targetOf } from "./rules.ts";

const strict = { allowPrivateOrigins: false };

test("protocol, port and host header come from the URL", () => {
  expect(targetOf({ url: "https://Origin.Example.com" }, strict, "/origin")).toEqual({
    url: "https://origin.example.com",
    protocol: "https",
    host: "origin.example.com",
    port: 443,
    hostHeader: "origin.example.com",
  });
  expect(targetOf({ url: "http://[2606:4700::1]:8080", host_header: "shop.example" }, strict, "/origin")).toEqual({
    url: "http://[2606:4700::1]:8080",
    protocol: "http",
    host: "2606:4700::1",
    port: 8080,
    hostHeader: "shop.example",
  });
});

test.each([
  [{ url: "ftp://origin.example.com" }, "/origin/url"],
  [{ url: "not a url" }, "/origin/url"],
  [{ url: "https://user:secret@origin.example.com" }, "/origin/url"],
  [{ url: "https://origin.example.com/path" }, "/origin/url"],
  [{ url: "https://origin.example.com", protocol: "http" as const }, "/origin/protocol"],
  [{ url: "https://origin.example.com:8443", port: 443 }, "/origin/port"],
  [{ url: "http://10.0.0.1" }, "/origin/url"],
  [{ url: "http://[::ffff:127.0.0.1]" }, "/origin/url"],
  [{ url: "http://169.254.169.254" }, "/origin/url"],
])("%j has a fault at %s", (input, pointer) => {
  expect(targetOf(input, strict, "/origin")).toEqual([{ pointer, detail: expect.any(String) }]);
});

test("a private address is an origin where the operator allows it; the metadata service never is", () => {
  const lax = { allowPrivateOrigins: true };
  expect(targetOf({ url: "http://127.0.0.1:9000" }, lax, "/origin")).toMatchObject({ port: 9000 });
  expect(targetOf({ url: "http://169.254.169.254" }, lax, "/origin")).toHaveLength(1);
});

test("exactly one origin is primary", () => {
  expect(primaryIndex([{}, {}])).toBe(0);
  expect(primaryIndex([{}, { is_primary: true }])).toBe(1);
  expect(primaryIndex([{ is_primary: false }, {}])).toBe(1);
  expect(primaryIndex([{ is_primary: false }, { is_primary: false }])).toBe(0);
});
