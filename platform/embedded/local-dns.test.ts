// The local DNS server, asked by our own resolver and updater, and by the newest Pebble on the way to a certificate.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "dns-packet";
import { expect, onTestFinished, test } from "vitest";
import { wholeMessage, withLength } from "../dns/exchange.ts";
import { createResolver } from "../dns/resolver.ts";
import { parseDnsServer } from "../dns/server-address.ts";
import type { TsigKey } from "../dns/tsig-key.ts";
import { createZoneUpdater, type ZoneUpdaterSettings } from "../dns/update.ts";
import { createLogger } from "../log.ts";
import { type LocalDns, startLocalDns } from "./local-dns.ts";

const ZONE = "edgewright.localhost";
const key: TsigKey = { algorithm: "hmac-sha256", name: "local", secret: Buffer.alloc(32, 1) };
const log = createLogger({ role: "test", level: "silent" });

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-local-dns-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function start(folder: string): Promise<LocalDns> {
  return startLocalDns({ folder, log, zone: ZONE, key, addresses: { ipv4: ["127.0.0.1"], ipv6: ["::1"] } });
}

async function started(folder = temporaryFolder()): Promise<LocalDns> {
  const dns = await start(folder);
  onTestFinished(() => dns.part.stop());
  return dns;
}

const resolverOf = ({ address }: LocalDns) => createResolver({ servers: [address] });

function updaterOf({ address }: LocalDns, settings: Partial<ZoneUpdaterSettings> = {}) {
  const server = parseDnsServer(address);
  if (server === undefined) throw new Error(`no address: ${address}`);
  return createZoneUpdater({ server, tsig: key, zone: ZONE, ...settings });
}

test("every name is this edge, and has nothing that would keep an authority from it", async () => {
  const resolver = resolverOf(await started());
  for (const name of ["www.example.com", ZONE, `x.cdn.${ZONE}`]) {
    expect(await resolver.resolve(name, "A")).toMatchObject({ kind: "found", values: ["127.0.0.1"] });
    expect(await resolver.resolve(name, "AAAA")).toMatchObject({ kind: "found", values: ["::1"] });
    for (const type of ["CAA", "CNAME", "TXT"] as const)
      expect(await resolver.resolve(name, type)).toMatchObject({ kind: "none" });
  }
  expect(await resolver.resolve(ZONE, "NS")).toMatchObject({ values: [`ns.${ZONE}`] });
});

test("TXT records of the zone come and go by signed updates", async () => {
  const dns = await started();
  const name = `_acme-challenge.${ZONE}`;
  await updaterOf(dns).addTxt(name, "one", 60);
  await updaterOf(dns).addTxt(name, "x".repeat(300), 60);
  expect(await resolverOf(dns).resolve(name, "TXT")).toMatchObject({ values: ["one", "x".repeat(300)] });
  await updaterOf(dns).removeTxt(name, "one");
  await updaterOf(dns).removeTxt(name, "x".repeat(300));
  expect(await resolverOf(dns).resolve(name, "TXT")).toMatchObject({ kind: "none" });
});

test.each<[string, Partial<ZoneUpdaterSettings>, RegExp]>([
  ["an unknown key", { tsig: { ...key, name: "other" } }, /it knows no key other with hmac-sha256 \(BADKEY\)/],
  [
    "another algorithm",
    { tsig: { ...key, algorithm: "hmac-sha512" } },
    /it knows no key local with hmac-sha512 \(BADKEY\)/,
  ],
  ["another secret", { tsig: { ...key, secret: Buffer.alloc(32, 2) } }, /\(BADSIG\)/],
  [
    "another time",
    { clock: () => new Date(0) },
    /its clock \(20.*\) and ours \(1970.*\) are too far apart \(BADTIME\)/,
  ],
  ["another zone", { zone: "localhost" }, /it is not the primary of this zone \(NOTAUTH\)/],
])("updates with %s are refused", async (_what, settings, words) => {
  const dns = await started();
  await expect(updaterOf(dns, settings).addTxt(`_acme-challenge.${ZONE}`, "value", 60)).rejects.toThrow(words);
  expect(await resolverOf(dns).resolve(`_acme-challenge.${ZONE}`, "TXT")).toMatchObject({ kind: "none" });
});

test("a name that holds proofs leads into the zone where somebody says so, and what is written there is found behind it", async () => {
  const target = `abc.acme-challenge.${ZONE}`;
  const findDelegation = async (name: string) => {
    if (name === "_acme-challenge.broken.com") throw new Error("nobody knows");
    return name === "_acme-challenge.example.com" ? target : undefined;
  };
  const addresses = { ipv4: ["127.0.0.1"], ipv6: [] };
  const dns = await startLocalDns({ folder: temporaryFolder(), log, zone: ZONE, key, addresses, findDelegation });
  onTestFinished(() => dns.part.stop());
  await updaterOf(dns).addTxt(target, "proof", 60);
  const resolver = resolverOf(dns);
  expect(await resolver.resolve("_acme-challenge.example.com", "CNAME")).toMatchObject({ values: [target] });
  expect(await resolver.resolve("_acme-challenge.example.com", "TXT")).toMatchObject({
    values: ["proof"],
    chain: [target],
  });
  expect(await resolver.resolve("_acme-challenge.other.com", "CNAME")).toMatchObject({ kind: "none" });
  expect(await resolver.resolve("_acme-challenge.broken.com", "TXT")).toMatchObject({
    kind: "failed",
    reason: expect.stringContaining("SERVFAIL"),
  });
});

test("many values fit no datagram, and come over TCP, one question after the other", async () => {
  const dns = await started();
  const values = Array.from({ length: 40 }, (_, number) => `${"x".repeat(100)}${number}`);
  for (const value of values) await updaterOf(dns).addTxt(`many.${ZONE}`, value, 60);
  expect(await resolverOf(dns).resolve(`many.${ZONE}`, "TXT")).toMatchObject({ kind: "found", values });

  const connection = connect(Number(dns.address.split(":")[1]), "127.0.0.1");
  onTestFinished(() => void connection.destroy());
  const questions = [1, 2].map((id) => encode({ type: "query", id, questions: [{ type: "A", name: "example.com" }] }));
  connection.write(Buffer.concat(questions.map(withLength)));
  let received = Buffer.alloc(0);
  const ids: (number | undefined)[] = [];
  while (ids.length < 2) {
    const [chunk] = await once(connection, "data");
    received = Buffer.concat([received, chunk]);
    for (let message = wholeMessage(received); message !== undefined; message = wholeMessage(received)) {
      ids.push(decode(message).id);
      received = received.subarray(2 + message.length);
    }
  }
  expect(ids).toEqual([1, 2]);
});

test("noise is no question: it is answered with a fault or not at all, and the next one is answered", async () => {
  const dns = await started();
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  const port = Number(dns.address.split(":")[1]);
  const malformed = Buffer.concat([Buffer.from("0007010000010000000000003f", "hex"), Buffer.from("short")]);
  const update = Buffer.from("000828000001000000010000", "hex");
  for (const message of [Buffer.alloc(3), Buffer.alloc(12, 0xff), malformed, update])
    socket.send(message, port, "127.0.0.1");
  const codes = new Map<number, number>();
  while (codes.size < 2) {
    const [reply] = await once(socket, "message");
    codes.set(reply.readUInt16BE(0), reply.readUInt8(3) & 0xf);
  }
  expect(codes).toEqual(
    new Map([
      [7, 1],
      [8, 5],
    ]),
  );
  expect(await resolverOf(dns).resolve("example.com", "A")).toMatchObject({ kind: "found" });
});

test("it listens at the same address each time", async () => {
  const folder = temporaryFolder();
  const first = await start(folder);
  await first.part.stop();
  expect((await started(folder)).address).toBe(first.address);
});

test("a port that is taken for datagrams alone is left for another one", async () => {
  const folder = temporaryFolder();
  const first = await start(folder);
  await first.part.stop();
  const squatter = createSocket("udp4").bind(Number(first.address.split(":")[1]), "127.0.0.1");
  await once(squatter, "listening");
  onTestFinished(() => void squatter.close());
  const second = await started(folder);
  expect(second.address).not.toBe(first.address);
});
