// From the bytes of a batch to rows: each line read, its time set right, its viewer made nameless. Nothing is asked of
// anybody: what a row needs beside its line is given. Some 80,000 lines a second with their text (npm run bench:reports).
import { METHODS } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import { clientHash, type SaltOf } from "./client-hash.ts";
import { contentKindOf } from "./content-kind.ts";
import { type AccessLogLine, faultOf, readLine } from "./line.ts";
import type { FindPlace, Place } from "./places.ts";
import { type AccessLogRow, type LogBatch, OWN_PROVIDER } from "./row.ts";
import { createUserAgentFamilies } from "./user-agents.ts";

export interface RowMaking {
  readonly saltOf: SaltOf;
  readonly findPlace: FindPlace;
}

/** Of some hundred lines. */
export interface MadeRows {
  readonly rows: readonly AccessLogRow[];
  /** Lines that are none. They are left out. */
  readonly faulty: { readonly count: number; readonly first: string | undefined };
}

/** Keeps what it has found out about addresses and user agents: make one per process. */
export type MakeRows = (body: Buffer, batch: LogBatch) => AsyncGenerator<MadeRows>;

const SKEW_MAX_MS = 5 * 60 * 1000;
/** As the table's TTL: what is older would vanish at once. */
export const ACCESS_LOG_KEPT_DAYS = 90;
const DAY_MS = 24 * 3600 * 1000;
/** Some hundred lines: other requests get their turn in between, and what is made of them dies young. */
const BYTES_PER_TURN = 256 * 1024;
const CLIENTS_MAX = 200_000;
const LINE_FEED = 0x0a;

/** Somebody's latest day. */
interface Client {
  readonly place: Place;
  readonly day: string;
  readonly hash: string;
}

export function createRows({ saltOf, findPlace }: RowMaking): MakeRows {
  const familyOf = createUserAgentFamilies();
  const dayOf = createDays();
  /** By address. */
  const clients = new LRUCache<string, Client>({ max: CLIENTS_MAX });

  function clientAt(address: string, day: string): Client {
    const known = clients.get(address);
    if (known?.day === day) return known;
    const salt = saltOf(day);
    if (salt === undefined) throw new SaltMissing(day);
    const client = { place: known?.place ?? findPlace(address), day, hash: clientHash(salt, address) };
    clients.set(address, client);
    return client;
  }

  function rowOf(line: AccessLogLine, number: number, batch: LogBatch, receivedAt: string): AccessLogRow {
    const edgeMs = Math.round(Number(line.time) * 1000);
    const timeMs = rightTime(edgeMs, batch.receivedAt.getTime());
    const { place, hash } = clientAt(line.client, dayOf(timeMs));
    // Who waited for another's answer asked somebody, but no origin.
    const isHit = line.cache_status === "HIT";
    return {
      time: secondsOf(timeMs),
      edge_time: secondsOf(edgeMs),
      received_at: receivedAt,
      edge_id: batch.edgeId,
      provider: OWN_PROVIDER,
      batch_id: batch.id,
      batch_line: number,
      request_id: line.request_id,
      account_id: line.account.toLowerCase(),
      distribution_id: line.distribution.toLowerCase(),
      host: hostOf(line.host),
      method: methods.has(line.method) ? line.method : OTHER,
      path: beginningOfPath(line.path),
      query: line.query ?? "",
      status: line.status,
      cache_status: cacheStatuses.has(line.cache_status) ? line.cache_status : NO_CACHE_STATUS,
      bytes_out: line.bytes_out,
      bytes_in: line.bytes_in,
      origin_bytes: (isHit ? 0 : (line.origin_bytes ?? 0)) + fetchedBytes(line),
      duration_ms: line.duration_ms,
      origin_ms: isHit ? null : line.origin_ms,
      ttfb_ms: line.ttfb_ms ?? 0,
      protocol: protocols.has(line.protocol) ? line.protocol : OTHER,
      tls: tlsVersions.has(line.tls) ? line.tls : OTHER,
      country: place.country,
      asn: place.asn,
      referrer_host: hostOf(line.referrer_host),
      user_agent_family: familyOf(line.user_agent),
      content_kind: contentKindOf(line.content_type ?? "", line.path),
      client_hash: hash,
      weight: line.weight ?? 1,
    };
  }

  return async function* makeRows(body, batch) {
    const receivedAt = secondsOf(batch.receivedAt.getTime());
    let number = 0;
    for (const lines of pieces(body)) {
      const rows: AccessLogRow[] = [];
      let faults = 0;
      let first: string | undefined;
      for (const text of lines) {
        number += 1;
        if (text === "" || text.trim() === "") continue;
        const line = readLine(text);
        if (line === undefined) {
          faults += 1;
          first ??= `line ${number}: ${faultOf(text)}`;
        } else rows.push(rowOf(line, number, batch, receivedAt));
      }
      yield { rows, faulty: { count: faults, first } };
      await nextTurn();
    }
  };
}

/** Whole lines each. */
function* pieces(body: Buffer): Generator<readonly string[]> {
  for (let start = 0; start < body.length; ) {
    const lineFeed = body.indexOf(LINE_FEED, start + BYTES_PER_TURN);
    const end = lineFeed === -1 ? body.length : lineFeed;
    yield body.toString("utf8", start, end).split("\n");
    start = end + 1;
  }
}

/** Of an answer that came without its length, as the stale one that was served meanwhile. */
function fetchedBytes({ fetched_bytes: bytes, bytes_out }: AccessLogLine): number {
  return bytes === null ? bytes_out : (bytes ?? 0);
}

/** Lines of this day have to wait: their viewers cannot be made nameless. */
export class SaltMissing extends Error {
  override readonly name = "SaltMissing";
  readonly day: string;

  constructor(day: string) {
    super(`there is no salt for ${day}`);
    this.day = day;
  }
}

// Viewers choose these words; the table keeps a list of all that it has seen.
const OTHER = "other";
const methods: ReadonlySet<string> = new Set(METHODS);
const NO_CACHE_STATUS = "NONE";
const cacheStatuses: ReadonlySet<string> = new Set([
  "HIT",
  "MISS",
  "EXPIRED",
  "STALE",
  "UPDATING",
  "REVALIDATED",
  "BYPASS",
  NO_CACHE_STATUS,
]);
const protocols: ReadonlySet<string> = new Set(["HTTP/0.9", "HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"]);
/** Empty: over plain HTTP. */
const tlsVersions: ReadonlySet<string> = new Set(["", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]);

/** Of names, and of addresses of both kinds; 253 is what the DNS allows. */
const HOST = /^[a-z0-9._:[\]-]{1,253}$/;
/** Each is kept in the counts of days too: who sends random ones must not fill the disks of all. */
const PATH_BYTES_MAX = 1_024;
/** In UTF-8, of a unit of UTF-16. */
const UNIT_BYTES_MAX = 3;

/** Empty: what stands there names no host. */
function hostOf(text: string): string {
  const host = text.toLowerCase();
  return HOST.test(host) ? host : "";
}

const encoder = new TextEncoder();
const room = new Uint8Array(PATH_BYTES_MAX);

/** Whole characters alone. */
function beginningOfPath(path: string): string {
  if (path.length * UNIT_BYTES_MAX <= PATH_BYTES_MAX) return path;
  return path.slice(0, encoder.encodeInto(path, room).read);
}

/**
 * A line from the future was written by a clock that is ahead. One from the past may simply have waited while the
 * control plane was away, so it keeps its time as long as anything of that time is kept.
 */
export function rightTime(edgeMs: number, receivedMs: number): number {
  const aheadMs = edgeMs - receivedMs;
  const isBelievable = aheadMs <= SKEW_MAX_MS && aheadMs > -ACCESS_LOG_KEPT_DAYS * DAY_MS;
  return isBelievable ? edgeMs : receivedMs;
}

/** As long as ClickHouse wants them: of a clock that knows no better than 1970, too. */
function secondsOf(ms: number): string {
  return (ms / 1000).toFixed(3).padStart(14, "0");
}

/** Lines come in the order of their times: the day is nearly always that of the line before. */
function createDays(): (ms: number) => string {
  let from = Number.POSITIVE_INFINITY;
  let name = "";
  return (ms) => {
    if (ms < from || ms >= from + DAY_MS) {
      from = ms - (ms % DAY_MS);
      name = new Date(from).toISOString().slice(0, 10);
    }
    return name;
  };
}
