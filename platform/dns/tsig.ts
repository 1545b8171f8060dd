// Signs DNS messages with a key that both sides know, and checks what comes back (RFC 8945).
import { createHmac, timingSafeEqual } from "node:crypto";
import { hashOf, type TsigKey } from "./tsig-key.ts";
import { ADDITIONALS_AT, CLASS, nameBytes, readLastRecord, readName, recordBytes, TYPE, uint16 } from "./wire.ts";

/** RFC 8945 §10: how far the clocks of both sides may be apart. */
const FUDGE_SECONDS = 300;

export const TSIG_ERROR = { none: 0, badSignature: 16, badKey: 17, badTime: 18 } as const;

/** The signature of a message, as its last record says it. */
export interface Tsig {
  readonly keyName: string;
  readonly algorithm: string;
  readonly signedAt: Date;
  readonly fudgeSeconds: number;
  readonly mac: Buffer;
  readonly originalId: number;
  readonly error: number;
  readonly other: Buffer;
}

export interface SignedMessage {
  readonly message: Buffer;
  /** What the answer's signature covers as well. */
  readonly mac: Buffer;
}

interface Signing {
  readonly now: Date;
  /** Of the question, when this is the answer to one. */
  readonly requestMac?: Buffer | undefined;
  readonly error?: number;
  readonly other?: Buffer;
}

export function signMessage(message: Buffer, key: TsigKey, signing: Signing): SignedMessage {
  const { now, requestMac, error = TSIG_ERROR.none, other = Buffer.alloc(0) } = signing;
  const about = { signedAt: now, fudgeSeconds: FUDGE_SECONDS, error, other };
  const mac = macOf(message, key, about, requestMac);
  return { message: withTsig(message, key, { ...about, mac }), mac };
}

/** For whoever may not be answered with a signature: the key is unknown, or the question's signature is wrong. */
export function withUnsignedTsig(message: Buffer, named: Pick<Tsig, "keyName" | "algorithm">, error: number): Buffer {
  const about = { signedAt: new Date(0), fudgeSeconds: FUDGE_SECONDS, error, other: Buffer.alloc(0) };
  return withTsig(message, { name: named.keyName, algorithm: named.algorithm }, { ...about, mac: Buffer.alloc(0) });
}

type About = Pick<Tsig, "signedAt" | "fudgeSeconds" | "error" | "other">;

function withTsig(message: Buffer, key: { name: string; algorithm: string }, about: About & { mac: Buffer }): Buffer {
  const data = Buffer.concat([
    nameBytes(key.algorithm),
    seconds48(about.signedAt),
    uint16(about.fudgeSeconds),
    uint16(about.mac.length),
    about.mac,
    message.subarray(0, 2),
    uint16(about.error),
    uint16(about.other.length),
    about.other,
  ]);
  const record = recordBytes({ name: key.name, type: TYPE.TSIG, class: CLASS.ANY, ttl: 0, data });
  return Buffer.concat([withAdditionals(message, 1), record]);
}

// RFC 8945 §4.3: the question's MAC, the message without its TSIG record, and what that record says beside the MAC.
function macOf(message: Buffer, key: TsigKey, about: About, requestMac: Buffer | undefined): Buffer {
  const hmac = createHmac(hashOf(key.algorithm), key.secret);
  if (requestMac !== undefined) hmac.update(uint16(requestMac.length)).update(requestMac);
  hmac.update(message);
  hmac.update(nameBytes(key.name)).update(uint16(CLASS.ANY)).update(Buffer.alloc(4));
  hmac.update(nameBytes(key.algorithm)).update(seconds48(about.signedAt)).update(uint16(about.fudgeSeconds));
  hmac.update(uint16(about.error)).update(uint16(about.other.length)).update(about.other);
  return hmac.digest();
}

/** The message as it was before it was signed, and the signature. Undefined: it has none that could be read. */
export function splitSigned(message: Buffer): { bare: Buffer; tsig: Tsig } | undefined {
  try {
    const last = readLastRecord(message);
    if (last?.type !== TYPE.TSIG) return undefined;
    const tsig = readTsig(last.name, last.data);
    const bare = withAdditionals(message.subarray(0, last.start), -1);
    bare.writeUInt16BE(tsig.originalId, 0);
    return { bare, tsig };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readTsig(keyName: string, data: Buffer): Tsig {
  const { name: algorithm, end: at } = readName(data, 0);
  const macEnd = at + 10 + data.readUInt16BE(at + 8);
  const otherEnd = macEnd + 6 + data.readUInt16BE(macEnd + 4);
  if (otherEnd > data.length) throw new RangeError("a signature is cut off");
  return {
    keyName,
    algorithm,
    signedAt: new Date(data.readUIntBE(at, 6) * 1000),
    fudgeSeconds: data.readUInt16BE(at + 6),
    mac: data.subarray(at + 10, macEnd),
    originalId: data.readUInt16BE(macEnd),
    error: data.readUInt16BE(macEnd + 2),
    other: data.subarray(macEnd + 6, otherEnd),
  };
}

/** RFC 8945 §5.2: key, then MAC, then time, each with its own error. */
export function tsigFault(
  signed: { bare: Buffer; tsig: Tsig },
  key: TsigKey,
  { now, requestMac }: { now: Date; requestMac?: Buffer },
): number {
  const { bare, tsig } = signed;
  if (tsig.keyName !== key.name || tsig.algorithm !== key.algorithm) return TSIG_ERROR.badKey;
  const expected = macOf(bare, key, tsig, requestMac);
  if (expected.length !== tsig.mac.length || !timingSafeEqual(expected, tsig.mac)) return TSIG_ERROR.badSignature;
  const apartMs = Math.abs(now.getTime() - tsig.signedAt.getTime());
  return apartMs > tsig.fudgeSeconds * 1000 ? TSIG_ERROR.badTime : TSIG_ERROR.none;
}

function withAdditionals(message: Buffer, change: 1 | -1): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(copy.readUInt16BE(ADDITIONALS_AT) + change, ADDITIONALS_AT);
  return copy;
}

export function seconds48(time: Date): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(Math.floor(time.getTime() / 1000), 0, 6);
  return bytes;
}
