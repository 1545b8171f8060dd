// The pieces of DNS messages that updates and signatures are made of (RFC 1035 §4.1), where the codec of whole messages does not
// reach: classes of updates, and bytes as they were sent.

export const TYPE = { CNAME: 5, SOA: 6, TXT: 16, TSIG: 250 } as const;
export const CLASS = { IN: 1, NONE: 254, ANY: 255 } as const;
export const OPCODE_UPDATE = 5;
export const HEADER_BYTES = 12;
/** Where the header counts the last section's records. */
export const ADDITIONALS_AT = 10;

const POINTER = 0xc0;
const TEXT_BYTES_MAX = 255;

export interface WireRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: Buffer;
}

export function nameBytes(name: string): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  return Buffer.concat([...labels.map((label) => shortText(Buffer.from(label))), Buffer.of(0)]);
}

/** A byte says how long it is. */
function shortText(text: Buffer): Buffer {
  return Buffer.concat([Buffer.of(text.length), text]);
}

/** RFC 1035 §3.3.14: a longer text is several strings. */
export function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text);
  const pieces: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += TEXT_BYTES_MAX) {
    pieces.push(shortText(bytes.subarray(at, at + TEXT_BYTES_MAX)));
  }
  return Buffer.concat(pieces);
}

export function recordBytes({ name, type, class: recordClass, ttl, data }: WireRecord): Buffer {
  return Buffer.concat([nameBytes(name), uint16(type), uint16(recordClass), uint32(ttl), uint16(data.length), data]);
}

export function questionBytes(name: string, type: number): Buffer {
  return Buffer.concat([nameBytes(name), uint16(type), uint16(CLASS.IN)]);
}

/** How many questions, answers, authorities and additionals there are; an update calls them otherwise (RFC 2136 §2). */
export function headerBytes(id: number, flags: number, counts: readonly [number, number, number, number]): Buffer {
  return Buffer.concat([id, flags, ...counts].map(uint16));
}

export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A name in lower case, and where what follows it begins. Throws RangeError where the message ends too early. */
export function readName(message: Buffer, from: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = from;
  let end: number | undefined;
  for (;;) {
    const length = message.readUInt8(at);
    if ((length & POINTER) === POINTER) {
      const target = message.readUInt16BE(at) & 0x3fff;
      // Backwards alone, so that no circle is walked.
      if (target >= at) throw new RangeError("a name points forwards");
      end ??= at + 2;
      at = target;
    } else if (length === 0) {
      return { name: labels.join(".").toLowerCase(), end: end ?? at + 1 };
    } else {
      labels.push(message.toString("latin1", at + 1, at + 1 + length));
      at += 1 + length;
    }
  }
}

/** The message's last record and where it begins, if it has any. */
export function readLastRecord(message: Buffer): (WireRecord & { readonly start: number }) | undefined {
  const counts = [4, 6, 8, ADDITIONALS_AT].map((at) => message.readUInt16BE(at));
  const [questions = 0, ...others] = counts;
  let at = HEADER_BYTES;
  for (let number = 0; number < questions; number += 1) at = readName(message, at).end + 4;
  const records = others.reduce((sum, count) => sum + count, 0);
  let last: (WireRecord & { start: number }) | undefined;
  for (let number = 0; number < records; number += 1) {
    const read = readRecord(message, at);
    last = { ...read.record, start: at };
    at = read.end;
  }
  return last;
}

export function readRecord(message: Buffer, start: number): { record: WireRecord; end: number } {
  const { name, end: at } = readName(message, start);
  const dataAt = at + 10;
  const end = dataAt + message.readUInt16BE(at + 8);
  if (end > message.length) throw new RangeError("a record is cut off");
  const record = {
    name,
    type: message.readUInt16BE(at),
    class: message.readUInt16BE(at + 2),
    ttl: message.readUInt32BE(at + 4),
    data: message.subarray(dataAt, end),
  };
  return { record, end };
}
