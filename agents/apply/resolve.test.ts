// Which addresses an origin may lead to.
import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";
import { type AddressRules, createResolver, mayDial } from "./resolve.ts";

const strict: AddressRules = { allowPrivate: false, forbidden: [] };
const open: AddressRules = {
  allowPrivate: true,
  forbidden: [
    { host: "127.0.0.1", port: 5432 },
    { host: "*", port: 8080 },
  ],
};
const local = new Set(["192.0.2.7", "2001:db8:0:0:0:0:0:7"]);

test.each([
  "127.0.0.1",
  "10.1.2.3",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "169.254.169.254",
  "0.0.0.0",
  "224.0.0.1",
  "::1",
  "fe80::1",
  "fd00::1",
  "::ffff:10.0.0.1",
  "64:ff9b::a00:1",
  "64:ff9b::7f00:1",
])("%s is no origin where private addresses are not allowed", (address) => {
  expect(mayDial(address, 443, strict, local)).toBe(false);
});

test.each(["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])("%s is anybody's", (address) => {
  expect(mayDial(address, 443, strict, local)).toBe(true);
});

test.each(["127.0.0.1", "10.1.2.3", "::1", "fd00::1"])("%s is an origin where the operator allows it", (address) => {
  expect(mayDial(address, 3000, open, local)).toBe(true);
});

test.each([
  ["169.254.169.254", 80],
  ["fe80::1", 80],
  ["0.0.0.0", 3000],
  ["127.0.0.1", 5432],
  ["::ffff:127.0.0.1", 5432],
  ["64:ff9b::7f00:1", 5432],
  ["127.0.0.1", 8080],
  ["127.8.8.8", 8080],
  ["::1", 8080],
  ["192.0.2.7", 8080],
  ["2001:db8::7", 8080],
] as const)("%s:%i is refused whatever the operator allows", (address, port) => {
  expect(mayDial(address, port, open, local)).toBe(false);
});

test("a listener on one address leaves the port of another alone", () => {
  expect(mayDial("10.1.2.3", 5432, open, local)).toBe(true);
});

test("localhost is resolved without DNS, and a name that leads to nothing allowed says so", async () => {
  const resolve = createResolver(() => open);
  expect(await resolve({ host: "localhost", port: 3000 })).toContain("127.0.0.1");
  await expect(resolve({ host: "shop.localhost", port: 5432 })).rejects.toThrow("which no origin may be");
});

test("the machine's own addresses count as its own", async () => {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const resolve = createResolver(() => open);
  for (const { address } of own.filter(({ scopeid }) => scopeid === undefined || scopeid === 0)) {
    await expect(resolve({ host: address, port: 8080 })).rejects.toThrow("which no origin may be");
  }
});

test("a system that does not answer is waited for with a deadline, and asked for two names at a time", async () => {
  let asked = 0;
  const ofSystem = () => {
    asked += 1;
    return new Promise<never>(() => {});
  };
  const resolve = createResolver(() => open, { ofSystem, systemTimeoutMs: 50 });
  const names = ["a.localhost", "b.localhost", "c.localhost"];
  for (const answer of names.map((host) => resolve({ host, port: 3000 })))
    await expect(answer).rejects.toThrow("the system does not say what localhost is");
  expect(asked).toBe(2);
});
