// What the local DNS server knows: every name has this edge's addresses, and the platform's zone holds the TXT records that
// signed updates write there. Bytes in, bytes out.
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import { seconds48, signMessage, splitSigned, TSIG_ERROR, tsigFault, withUnsignedTsig } from "../dns/tsig.ts";
import type { TsigKey } from "../dns/tsig-key.ts";
import {
  CLASS,
  HEADER_BYTES,
  headerBytes,
  OPCODE_UPDATE,
  readName,
  readRecord,
  TYPE,
  type WireRecord,
} from "../dns/wire.ts";

export interface LocalZoneSettings {
  readonly zone: string;
  /** Who may write to the zone. */
  readonly key: TsigKey;
  /** That every name has; none of them leaves that question without an answer. */
  readonly addresses: { readonly ipv4: readonly string[]; readonly ipv6: readonly string[] };
  /** Where a name outside the zone that holds proofs (`_acme-challenge.…`) leads to, in the zone. */
  readonly findDelegation?: (name: string) => Promise<string | undefined>;
  readonly clock?: () => Date;
}

export interface LocalZone {
  /** Undefined: nothing to answer to. `bytesMax`: what one datagram may hold. Never rejects. */
  answer(message: Buffer, options: { bytesMax: number }): Promise<Buffer | undefined>;
}

const CODE = {
  ok: 0,
  malformed: 1,
  failed: 2,
  unknown: 4,
  refused: 5,
  wrongCondition: 6,
  notAuthorized: 9,
  notInZone: 10,
} as const;
const TTL_SECONDS = 5;
/** Far beyond what runs of certificates write; a bound all the same. */
const TEXTS_MAX = 10_000;
const RESPONSE = 0x8000;

export function createLocalZone(settings: LocalZoneSettings): LocalZone {
  const texts = new Map<string, Set<string>>();
  return {
    async answer(message, { bytesMax }) {
      if (message.length < HEADER_BYTES || message.readUInt16BE(2) >= RESPONSE) return undefined;
      const opcode = (message.readUInt8(2) >> 3) & 0xf;
      try {
        if (opcode === OPCODE_UPDATE) return answerUpdate(message, settings, texts);
        if (opcode !== 0) return failure(message, CODE.unknown);
        const query = decode(message);
        const looked = await lookForDelegation(query, settings);
        if (looked.kind === "failed") return encode({ ...replyTo(query), flags: CODE.failed });
        return shortened(answerQuery(query, settings, texts, looked.delegation), bytesMax);
      } catch {
        return failure(message, CODE.malformed);
      }
    },
  };
}

type Texts = Map<string, Set<string>>;

function failure(message: Buffer, code: number): Buffer {
  const opcodeAndRecursion = message.readUInt16BE(2) & 0x7900;
  return headerBytes(message.readUInt16BE(0), RESPONSE | opcodeAndRecursion | code, [0, 0, 0, 0]);
}

function replyTo({ id = 0, questions = [] }: Packet): Packet {
  return { type: "response", id, questions };
}

type Looked = { readonly kind: "looked"; readonly delegation: string | undefined } | { readonly kind: "failed" };

async function lookForDelegation({ questions = [] }: Packet, settings: LocalZoneSettings): Promise<Looked> {
  const name = questions[0]?.name.toLowerCase() ?? "";
  const isElsewhere = name.startsWith("_acme-challenge.") && !name.endsWith(`.${settings.zone}`);
  if (!isElsewhere) return { kind: "looked", delegation: undefined };
  try {
    return { kind: "looked", delegation: await settings.findDelegation?.(name) };
  } catch {
    return { kind: "failed" };
  }
}

function answerQuery(query: Packet, settings: LocalZoneSettings, texts: Texts, delegation: string | undefined): Packet {
  const [question] = query.questions ?? [];
  const answers = question === undefined ? [] : recordsBehind(question, settings, texts, delegation);
  return {
    ...replyTo(query),
    flags: AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | ((query.flags ?? 0) & 0x100),
    answers: [...answers],
    authorities: answers.length === 0 ? [startOfAuthority(settings.zone)] : [],
  };
}

function recordsBehind(
  { name, type }: Question,
  settings: LocalZoneSettings,
  texts: Texts,
  delegation: string | undefined,
): readonly Answer[] {
  if (delegation === undefined) return recordsFor({ name, type }, settings, texts);
  const alias: Answer = { name, ttl: TTL_SECONDS, type: "CNAME", data: delegation };
  return [alias, ...recordsFor({ name: delegation, type }, settings, texts)];
}

function recordsFor({ name, type }: Question, settings: LocalZoneSettings, texts: Texts): readonly Answer[] {
  const { zone, addresses } = settings;
  const about = { name, ttl: TTL_SECONDS };
  const asked = name.toLowerCase();
  switch (type) {
    case "A":
      return addresses.ipv4.map((data) => ({ ...about, type, data }));
    case "AAAA":
      return addresses.ipv6.map((data) => ({ ...about, type, data }));
    case "TXT":
      return [...(texts.get(asked) ?? [])].map((text) => ({ ...about, type, data: stringsOf(text) }));
    case "NS":
      return asked === zone ? [{ ...about, type, data: `ns.${zone}` }] : [];
    case "SOA":
      return asked === zone ? [startOfAuthority(zone)] : [];
    default:
      return [];
  }
}

function startOfAuthority(zone: string): Answer {
  const times = { serial: 1, refresh: 3600, retry: 600, expire: 86_400, minimum: TTL_SECONDS };
  return {
    type: "SOA",
    name: zone,
    ttl: TTL_SECONDS,
    data: { mname: `ns.${zone}`, rname: `hostmaster.${zone}`, ...times },
  };
}

function shortened(packet: Packet, bytesMax: number): Buffer {
  const whole = encode(packet);
  if (whole.length <= bytesMax) return whole;
  return encode({ ...packet, answers: [], authorities: [], flags: (packet.flags ?? 0) | TRUNCATED_RESPONSE });
}

function answerUpdate(message: Buffer, settings: LocalZoneSettings, texts: Texts): Buffer {
  const { key, clock = () => new Date() } = settings;
  const signed = splitSigned(message);
  if (signed === undefined) return failure(message, CODE.refused);
  const now = clock();
  const fault = tsigFault(signed, key, { now });
  if (fault === TSIG_ERROR.badKey || fault === TSIG_ERROR.badSignature) {
    return withUnsignedTsig(failure(message, CODE.notAuthorized), signed.tsig, fault);
  }
  const requestMac = signed.tsig.mac;
  if (fault === TSIG_ERROR.badTime) {
    const about = { now: signed.tsig.signedAt, requestMac, error: fault, other: seconds48(now) };
    return signMessage(failure(message, CODE.notAuthorized), key, about).message;
  }
  const code = applyUpdate(signed.bare, settings.zone, texts);
  return signMessage(failure(message, code), key, { now, requestMac }).message;
}

/** RFC 2136 §3, as far as TXT records need it. All or nothing. */
function applyUpdate(message: Buffer, zone: string, texts: Texts): number {
  const { conditions, changes, zoneName } = readUpdate(message);
  if (zoneName !== zone) return CODE.notAuthorized;
  // There are no CNAME records here: that none is in the way is the one condition that is known.
  if (!conditions.every((record) => record.class === CLASS.NONE && record.type === TYPE.CNAME)) return CODE.refused;
  if (!changes.every(({ name }) => name === zone || name.endsWith(`.${zone}`))) return CODE.notInZone;
  if (!changes.every(isKnownChange) || texts.size + changes.length > TEXTS_MAX) return CODE.refused;
  for (const change of changes) applyChange(change, texts);
  return CODE.ok;
}

function isKnownChange({ type, class: kind }: WireRecord): boolean {
  return type === TYPE.TXT && (kind === CLASS.IN || kind === CLASS.NONE || kind === CLASS.ANY);
}

function applyChange({ name, class: kind, data }: WireRecord, texts: Texts): void {
  const values = texts.get(name) ?? new Set();
  if (kind === CLASS.ANY) values.clear();
  else if (kind === CLASS.NONE) values.delete(joined(data));
  else values.add(joined(data));
  if (values.size === 0) texts.delete(name);
  else texts.set(name, values);
}

function stringsOf(text: string): Buffer[] {
  return (text.match(/.{1,255}/gs) ?? [""]).map((piece) => Buffer.from(piece, "latin1"));
}

/** The strings of a TXT record, one after the other. */
function joined(data: Buffer): string {
  let text = "";
  for (let at = 0; at < data.length; at += 1 + data.readUInt8(at)) {
    text += data.toString("latin1", at + 1, at + 1 + data.readUInt8(at));
  }
  return text;
}

function readUpdate(message: Buffer): { zoneName: string; conditions: WireRecord[]; changes: WireRecord[] } {
  const { name: zoneName, end } = readName(message, HEADER_BYTES);
  let at = end + 4;
  const take = (count: number) =>
    Array.from({ length: count }, () => {
      const read = readRecord(message, at);
      at = read.end;
      return read.record;
    });
  const conditions = take(message.readUInt16BE(6));
  return { zoneName, conditions, changes: take(message.readUInt16BE(8)) };
}
