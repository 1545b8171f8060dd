// Updates against a real name server, Knot DNS, and what is said when it will not take them.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Knot, startKnot } from "../../tests/peers/knot.ts";
import { createResolver } from "./resolver.ts";
import type { TsigKey } from "./tsig-key.ts";
import { createZoneUpdater, ZoneUpdateRefused, type ZoneUpdaterSettings } from "./update.ts";

const key: TsigKey = { algorithm: "hmac-sha256", name: "edgewright", secret: Buffer.alloc(32, 7) };
const ZONE = "cdn.example.com";
let knot: Knot;

beforeAll(async () => {
  const records = ["_acme-challenge.taken 60 CNAME elsewhere.example.net."];
  knot = await startKnot({ key, zones: { [ZONE]: { records }, "closed.example.com": { takesUpdates: false } } });
});
afterAll(() => knot.stop());

const updater = (settings: Partial<ZoneUpdaterSettings> = {}) =>
  createZoneUpdater({ server: knot, tsig: key, zone: ZONE, ...settings });

async function txtOf(name: string): Promise<readonly string[]> {
  const answer = await createResolver({ servers: [knot.address] }).resolve(name, "TXT");
  return answer.kind === "found" ? [...answer.values].sort() : [];
}

test("values stand beside each other, once each, and go one by one", async () => {
  const name = `_acme-challenge.${ZONE}`;
  for (const value of ["one", "two", "one"]) await updater().addTxt(name, value, 60);
  expect(await txtOf(name)).toEqual(["one", "two"]);
  await updater().removeTxt(name, "one");
  expect(await txtOf(name)).toEqual(["two"]);
  await updater().removeTxt(name, "never there");
  await updater().removeTxt(name, "two");
  expect(await txtOf(name)).toEqual([]);
});

test("a value longer than one string of DNS comes back whole", async () => {
  const value = "x".repeat(600);
  await updater().addTxt(`long.${ZONE}`, value, 60);
  expect(await txtOf(`long.${ZONE}`)).toEqual([value]);
});

test.each(["hmac-sha384", "hmac-sha512"] as const)("a key of %s signs as well", async (algorithm) => {
  const tsig: TsigKey = { ...key, algorithm };
  const server = await startKnot({ key: tsig, zones: { [ZONE]: {} } });
  onTestFinished(() => server.stop());
  await updater({ server, tsig }).addTxt(`signed.${ZONE}`, "value", 60);
});

test("a name outside the zone is a fault of ours, and nobody is asked", async () => {
  await expect(updater().addTxt("cdn.example.org", "value", 60)).rejects.toThrow("does not lie in the zone");
});

test.each<[string, Partial<ZoneUpdaterSettings>, RegExp]>([
  [
    "another secret",
    { tsig: { ...key, secret: Buffer.alloc(32, 8) } },
    /its key edgewright has another secret \(BADSIG\)/,
  ],
  [
    "an unknown key",
    { tsig: { ...key, name: "nobody" } },
    /no (key|updates by the key) nobody with hmac-sha256 \((BADKEY|NOTAUTH)\)/,
  ],
  [
    "a slow clock",
    { clock: () => new Date(Date.now() - 3_600_000) },
    /its clock .*and ours .* too far apart \(BADTIME\)/,
  ],
  ["a zone that it does not have", { zone: "example.com" }, /it is not the primary of this zone.* \(NOTAUTH\)/],
])("%s is a refusal that says so", async (_what, settings, words) => {
  const refused = updater(settings).addTxt(`_acme-challenge.${ZONE}`, "value", 60);
  await expect(refused).rejects.toThrow(ZoneUpdateRefused);
  await expect(refused).rejects.toThrow(words);
  expect(await txtOf(`_acme-challenge.${ZONE}`)).toEqual([]);
});

test("a zone that the key may not change is a refusal that says so", async () => {
  const zone = "closed.example.com";
  await expect(updater({ zone }).addTxt(zone, "value", 60)).rejects.toThrow(
    /takes no updates by the key edgewright|let the key edgewright update/,
  );
});

test("a CNAME in the place of the record is named, and stays", async () => {
  const name = `_acme-challenge.taken.${ZONE}`;
  await expect(updater().addTxt(name, "value", 60)).rejects.toThrow(`${name} has a CNAME record there`);
  const answer = await createResolver({ servers: [knot.address] }).resolve(name, "CNAME");
  expect(answer).toMatchObject({ kind: "found", values: ["elsewhere.example.net"] });
});

test("a primary that is away is named, with its setting", async () => {
  const silent = createSocket("udp4").bind(0, "127.0.0.1");
  await once(silent, "listening");
  const server = { host: "127.0.0.1", port: silent.address().port };
  const mute = updater({ server, timeoutMs: 200 }).removeTxt(ZONE, "value");
  await expect(mute).rejects.toThrow(`at 127.0.0.1:${server.port}: no answer within 0.2 s: check ACME_DNS_SERVER`);
  silent.close();
  await once(silent, "close");
  await expect(updater({ server }).removeTxt(ZONE, "value")).rejects.toThrow("nobody listens there");
  const nameless = { host: "primary.invalid", port: 53 };
  await expect(updater({ server: nameless }).removeTxt(ZONE, "value")).rejects.toThrow(
    "primary.invalid has no address",
  );
});

test("whoever gives up is not told otherwise", async () => {
  const silent = createSocket("udp4").bind(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const stopping = new AbortController();
  const server = { host: "127.0.0.1", port: silent.address().port };
  const waiting = updater({ server }).removeTxt(ZONE, "value", { signal: stopping.signal });
  await once(silent, "message");
  stopping.abort(new Error("the worker stops"));
  await expect(waiting).rejects.toThrow("the worker stops");
});

test("an answer that nobody signed is not believed", async () => {
  const liar = createSocket("udp4").bind(0, "127.0.0.1");
  await once(liar, "listening");
  onTestFinished(() => void liar.close());
  liar.on("message", (message, from) => {
    const done = Buffer.alloc(12);
    message.copy(done, 0, 0, 2);
    done.writeUInt16BE(0xa800, 2);
    liar.send(done, from.port, from.address);
  });
  const server = { host: "127.0.0.1", port: liar.address().port };
  await expect(updater({ server }).addTxt(ZONE, "value", 60)).rejects.toThrow("its answer is not signed");
});
