// The end of one scope's feed in memory, encoded once for all agents. It has a limit: who is further behind is served
// from the database.

export interface EncodedRecord {
  readonly rev: number;
  /** Kind and id: a later record of the same key makes this one needless. */
  readonly key: string;
  readonly json: Buffer;
}

export interface Slice {
  /** Up to here, inclusive. */
  readonly to: number;
  readonly records: readonly Buffer[];
}

export interface Tail {
  /** Everything up to here is known. */
  rev(): number;
  append(records: readonly EncodedRecord[], upTo: number): void;
  /** What comes after `since`, up to about `bytesMax`, but one record at least. Undefined: too far back. */
  after(since: number, bytesMax: number): Slice | undefined;
}

export function createTail(start: number, limits: { bytesMax: number; recordsMax: number }): Tail {
  let from = start;
  let rev = start;
  let bytes = 0;
  let records: EncodedRecord[] = [];

  function append(added: readonly EncodedRecord[], upTo: number): void {
    const replaced = new Set(added.map((record) => record.key));
    records = [...records.filter((record) => !replaced.has(record.key)), ...added];
    bytes = records.reduce((sum, record) => sum + record.json.length, 0);
    rev = upTo;
    let dropped = 0;
    for (const record of records) {
      if (bytes <= limits.bytesMax && records.length - dropped <= limits.recordsMax) break;
      bytes -= record.json.length;
      from = record.rev;
      dropped += 1;
    }
    records = records.slice(dropped);
  }

  function after(since: number, bytesMax: number): Slice | undefined {
    if (since < from) return undefined;
    const chosen: EncodedRecord[] = [];
    let size = 0;
    for (const record of records) {
      if (record.rev <= since) continue;
      size += record.json.length;
      if (size > bytesMax && chosen.length > 0) {
        return { to: chosen.at(-1)?.rev ?? since, records: chosen.map(({ json }) => json) };
      }
      chosen.push(record);
    }
    return { to: rev, records: chosen.map(({ json }) => json) };
  }

  return { rev: () => rev, append, after };
}
