// Adds and removes TXT records in a zone of ours, at the server that takes its updates (RFC 2136), signed (RFC 8945).
import { randomInt } from "node:crypto";
import { exchange, NoDnsAnswer } from "./exchange.ts";
import { type DnsServerAddress, formatDnsServer } from "./server-address.ts";
import { signMessage, splitSigned, TSIG_ERROR, type Tsig, tsigFault } from "./tsig.ts";
import type { TsigKey } from "./tsig-key.ts";
import {
  CLASS,
  headerBytes,
  OPCODE_UPDATE,
  questionBytes,
  recordBytes,
  TYPE,
  textBytes,
  type WireRecord,
} from "./wire.ts";

/** What stands in the way, and what to do about it. */
export class ZoneUpdateRefused extends Error {
  override readonly name = "ZoneUpdateRefused";
}

export interface ZoneUpdater {
  /** Beside what is there already; again for the same value changes nothing. */
  addTxt(name: string, value: string, ttlSeconds: number, options?: { signal?: AbortSignal }): Promise<void>;
  /** That value alone; one that is not there is no fault. */
  removeTxt(name: string, value: string, options?: { signal?: AbortSignal }): Promise<void>;
}

export interface ZoneUpdaterSettings {
  /** The zone's primary. */
  readonly server: DnsServerAddress;
  readonly tsig: TsigKey;
  readonly zone: string;
  readonly timeoutMs?: number;
  readonly clock?: () => Date;
}

const TIMEOUT_MS = 5000;

interface Change {
  readonly name: string;
  /** What must be so, or nothing is changed (RFC 2136 §2.4). */
  readonly condition?: WireRecord;
  readonly record: WireRecord;
  readonly signal: AbortSignal | undefined;
}

export function createZoneUpdater(settings: ZoneUpdaterSettings): ZoneUpdater {
  const { zone } = settings;
  const txt = (name: string, value: string) => ({ name, type: TYPE.TXT, data: textBytes(value) });
  return {
    async addTxt(name, value, ttl, { signal } = {}) {
      assertInZone(name, zone);
      // A name with a CNAME takes no other record: a server would leave this one out without a word (RFC 2136 §3.4.2.2).
      const condition = { name, type: TYPE.CNAME, class: CLASS.NONE, ttl: 0, data: Buffer.alloc(0) };
      await update(settings, { name, condition, record: { ...txt(name, value), class: CLASS.IN, ttl }, signal });
    },
    async removeTxt(name, value, { signal } = {}) {
      assertInZone(name, zone);
      await update(settings, { name, record: { ...txt(name, value), class: CLASS.NONE, ttl: 0 }, signal });
    },
  };
}

function assertInZone(name: string, zone: string): void {
  if (name !== zone && !name.endsWith(`.${zone}`)) throw new Error(`${name} does not lie in the zone ${zone}`);
}

async function update(settings: ZoneUpdaterSettings, change: Change): Promise<void> {
  const { server, tsig: key, timeoutMs = TIMEOUT_MS, clock = () => new Date() } = settings;
  const request = signMessage(updateMessage(settings.zone, change), key, { now: clock() });
  const reply = await askPrimary(settings, () =>
    exchange(request.message, { server, timeoutMs, signal: change.signal, isAnswer: () => true }),
  );
  const signed = splitSigned(reply);
  const code = reply.readUInt8(3) & 0xf;
  if (signed !== undefined && signed.tsig.error !== TSIG_ERROR.none) {
    throw refusal(settings, tsigRefusal(signed.tsig, settings, clock()));
  }
  if (code !== 0) throw refusal(settings, codeRefusal(code, settings, change, signed !== undefined));
  const fault =
    signed === undefined ? TSIG_ERROR.badSignature : tsigFault(signed, key, { now: clock(), requestMac: request.mac });
  if (fault !== TSIG_ERROR.none) {
    throw refusal(settings, `its answer is not signed with the key ${key.name}: somebody else may have given it`);
  }
}

async function askPrimary(settings: ZoneUpdaterSettings, ask: () => Promise<Buffer>): Promise<Buffer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof NoDnsAnswer)) throw error;
    throw refusal(
      settings,
      `${error.message}: check ACME_DNS_SERVER, and that it is up and reachable from here`,
      error,
    );
  }
}

function updateMessage(zone: string, { condition, record }: Change): Buffer {
  const conditions = condition === undefined ? [] : [condition];
  return Buffer.concat([
    headerBytes(randomInt(0x10000), OPCODE_UPDATE << 11, [1, conditions.length, 1, 0]),
    questionBytes(zone, TYPE.SOA),
    ...conditions.map(recordBytes),
    recordBytes(record),
  ]);
}

function refusal({ server, zone }: ZoneUpdaterSettings, why: string, cause?: unknown): ZoneUpdateRefused {
  return new ZoneUpdateRefused(`The zone ${zone} was not updated at ${formatDnsServer(server)}: ${why}.`, { cause });
}

function tsigRefusal({ error, other }: Tsig, { tsig: key }: ZoneUpdaterSettings, now: Date): string {
  if (error === TSIG_ERROR.badKey) {
    return `it knows no key ${key.name} with ${key.algorithm} (BADKEY): give ACME_DNS_TSIG the name and algorithm that it has`;
  }
  if (error === TSIG_ERROR.badSignature) {
    return `its key ${key.name} has another secret (BADSIG): give ACME_DNS_TSIG the same one`;
  }
  if (error === TSIG_ERROR.badTime) {
    const theirs = other.length === 6 ? ` (${new Date(other.readUIntBE(0, 6) * 1000).toISOString()})` : "";
    return `its clock${theirs} and ours (${now.toISOString()}) are too far apart (BADTIME): set them right`;
  }
  return `it refuses the signature (code ${error})`;
}

function codeRefusal(
  code: number,
  { zone, tsig: key }: ZoneUpdaterSettings,
  { name }: Change,
  isSigned: boolean,
): string {
  switch (code) {
    case 2:
      return "it failed at it (SERVFAIL): its log says why";
    case 4:
      return "it takes no updates (NOTIMP): name the zone's primary in ACME_DNS_SERVER";
    case 5:
      return `it refuses (REFUSED): let the key ${key.name} update TXT records of ${zone} there`;
    case 7:
      return `${name} has a CNAME record there, beside which no other can be: remove it`;
    case 9:
      return isSigned
        ? "it is not the primary of this zone (NOTAUTH): name that one in ACME_DNS_SERVER"
        : // Some say no more than this of a key that they do not know, or that may not change the zone.
          `it is not the primary of this zone, or takes no updates by the key ${key.name} with ${key.algorithm} (NOTAUTH): compare ACME_DNS_SERVER and ACME_DNS_TSIG with what it has`;
    case 10:
      return `it has the zone otherwise: ${name} does not lie in ${zone} there (NOTZONE)`;
    default:
      return `it answers with code ${code}`;
  }
}
