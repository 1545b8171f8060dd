import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { createClients, isProxyName, subscriberOf } from "./client-address.ts";

/** What the server sees of a request: the peer of its connection, and the headers that came. */
function requestFrom(remoteAddress: string, headers: Record<string, string>): IncomingMessage {
  const socket = Object.defineProperty(new Socket(), "remoteAddress", { value: remoteAddress });
  return Object.assign(new IncomingMessage(socket), { headers });
}

const forwarded = (value: string) => ({ "x-forwarded-for": value });

test("without trusted proxies the peer is the client, whatever X-Forwarded-For says", () => {
  const clients = createClients([]);
  const request = requestFrom("::ffff:192.0.2.7", { ...forwarded("203.0.113.1"), "x-forwarded-proto": "https" });
  expect(clients.addressOf(request)).toBe("192.0.2.7");
  expect(clients.isSecure(request)).toBe(false);
});

test.each([
  ["a proxy's word counts", "10.1.2.3", "203.0.113.1", "203.0.113.1"],
  ["in the mapped form too", "::ffff:10.1.2.3", "::ffff:203.0.113.1", "203.0.113.1"],
  ["what the client claimed before it came to our proxy does not", "10.1.2.3", "1.1.1.1, 203.0.113.1", "203.0.113.1"],
  ["a chain of proxies is followed to its end", "10.1.2.3", "203.0.113.1, 127.0.0.1, 10.9.9.9", "203.0.113.1"],
  ["a peer that is no proxy speaks for itself alone", "198.51.100.4", "203.0.113.1", "198.51.100.4"],
  ["what is no address is passed over", "10.1.2.3", "unknown, 10.9.9.9", "10.9.9.9"],
  ["IPv6 proxies and clients", "2001:db8:1::1", "2001:db8:2::2", "2001:db8:2::2"],
  ["nothing forwarded: the proxy itself asks", "10.1.2.3", "", "10.1.2.3"],
])("%s", (_name, peer, header, client) => {
  const clients = createClients(["loopback", "10.0.0.0/8", "2001:db8:1::/48"]);
  expect(clients.addressOf(requestFrom(peer, forwarded(header)))).toBe(client);
});

test("only a trusted proxy says that the client came over TLS", () => {
  const clients = createClients(["loopback"]);
  const isSecure = (peer: string, scheme: string) =>
    clients.isSecure(requestFrom(peer, { "x-forwarded-proto": scheme }));
  expect(isSecure("127.0.0.1", "https")).toBe(true);
  expect(isSecure("127.0.0.1", "https, http")).toBe(false);
  expect(isSecure("192.0.2.1", "https")).toBe(false);
});

test("one IPv6 subscriber is one /64; an IPv4 address is one by itself", () => {
  expect(subscriberOf("2001:db8:1:2:3::4")).toBe(subscriberOf("2001:db8:1:2::ffff"));
  expect(subscriberOf("2001:db8:1:2::")).not.toBe(subscriberOf("2001:db8:1:3::"));
  expect(subscriberOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
  expect(subscriberOf("192.0.2.1")).toBe("192.0.2.1");
});

test.each(["loopback", "uniquelocal", "192.0.2.1", "10.0.0.0/8", "2001:db8::/32"])("%s names proxies", (entry) => {
  expect(isProxyName(entry)).toBe(true);
});

test.each(["", "everywhere", "10.0.0.0/33", "0.0.0.0/0", "proxy.example.com", "10.0.0.0/x"])("%j does not", (entry) => {
  expect(isProxyName(entry)).toBe(false);
});
