// What is computed of providers' statistics: buckets, what an answer adds up to, which period is asked for again. No clock, no
// input or output.
import type { z } from "zod";
import { type Asked, BUCKET_MS, noSums, ProviderError, type Statistic, type Sums } from "./statistics.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Each synchronisation asks again for what is younger. */
const OVERLAP_MS = 3 * HOUR_MS;
/** Providers revise their numbers for two days; a month is closed after three (ADR 37). */
export const REVISED_MS = 72 * HOUR_MS;
/** So often everything that may be revised is asked for again. */
const REVISE_EVERY_MS = 6 * HOUR_MS;
/** What lies further back can no longer be added to its hour and day (clickhouse/0025). */
export const BACK_DAYS_MAX = 60;
export const BACK_MAX_MS = BACK_DAYS_MAX * DAY_MS;

export function bucketOf(time: Date): Date {
  return new Date(Math.floor(time.getTime() / BUCKET_MS) * BUCKET_MS);
}

export function nextBucket(time: Date): Date {
  return new Date(Math.ceil(time.getTime() / BUCKET_MS) * BUCKET_MS);
}

/** Something that a provider told; several of these make a bucket. */
export interface Told {
  readonly resource: string;
  readonly time: Date;
  readonly sums: Partial<Sums>;
}

/** Resources that were not asked for, and times outside of the period, are left out. */
export function addUp(told: readonly Told[], { resources, from, to }: Asked): readonly Statistic[] {
  const wanted = new Set(resources);
  const buckets = new Map<string, Statistic>();
  for (const { resource, time, sums } of told) {
    if (!wanted.has(resource) || time < from || time >= to) continue;
    const bucket = bucketOf(time);
    const key = `${bucket.getTime()} ${resource}`;
    buckets.set(key, { resource, time: bucket, ...plus(buckets.get(key) ?? noSums, sums) });
  }
  return [...buckets.values()].map(whole);
}

function plus(one: Sums, other: Partial<Sums>): Sums {
  const more = { ...noSums, ...other };
  const [a, b, c, d, e] = one.byStatusClass;
  const [v, w, x, y, z] = more.byStatusClass;
  return {
    requests: one.requests + more.requests,
    hits: one.hits + more.hits,
    bytesOut: one.bytesOut + more.bytesOut,
    hitBytes: one.hitBytes + more.hitBytes,
    originRequests: one.originRequests + more.originRequests,
    originBytes: one.originBytes + more.originBytes,
    byStatusClass: [a + v, b + w, c + x, d + y, e + z],
  };
}

/** Whole numbers from 0; what was answered was asked for, though a provider may count its requests later than its answers. */
function whole(statistic: Statistic): Statistic {
  const rounded = (value: number) => Math.max(0, Math.round(value));
  const [a, b, c, d, e] = statistic.byStatusClass;
  const byStatusClass = [rounded(a), rounded(b), rounded(c), rounded(d), rounded(e)] as const;
  const answered = byStatusClass.reduce<number>((sum, count) => sum + count, 0);
  return {
    ...statistic,
    requests: Math.max(rounded(statistic.requests), answered),
    hits: rounded(statistic.hits),
    bytesOut: rounded(statistic.bytesOut),
    hitBytes: rounded(statistic.hitBytes),
    originRequests: rounded(statistic.originRequests),
    originBytes: rounded(statistic.originBytes),
    byStatusClass,
  };
}

/** What does not look as it is documented is not guessed at. */
export function checkedAnswer<Shape extends z.ZodType>(name: string, shape: Shape, answer: unknown): z.output<Shape> {
  const parsed = shape.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = (issue?.path ?? []).join("/");
  throw new ProviderError("passing", `${name} answered what it does not document (at /${place}): ${issue?.message}.`, {
    cause: parsed.error,
  });
}

/** During which the resource was the distribution's, and how far that was taken over. */
export interface LinkPeriod {
  readonly since: Date;
  readonly until: Date | null;
  readonly syncedUntil: Date | null;
  readonly revisedAt: Date | null;
}

export interface Period {
  readonly from: Date;
  readonly to: Date;
  /** It goes as far back as anything may be revised. */
  readonly isWhole: boolean;
}

/** What to ask for now; undefined: nothing. `from`: as far back as a person asked for. */
export function periodToAsk(
  link: LinkPeriod,
  { now, from }: { now: Date; from?: Date | undefined },
): Period | undefined {
  const end = bucketOf(now).getTime();
  const to = Math.min(end, link.until?.getTime() ?? end);
  const oldest = now.getTime() - BACK_MAX_MS;
  const revised = now.getTime() - REVISED_MS;
  const isRevisionDue = link.revisedAt === null || now.getTime() - link.revisedAt.getTime() >= REVISE_EVERY_MS;
  const missing = link.syncedUntil?.getTime() ?? oldest;
  const planned = Math.min(missing, isRevisionDue ? revised : now.getTime() - OVERLAP_MS);
  const begin = Math.max(
    from === undefined ? planned : Math.min(planned, from.getTime()),
    oldest,
    link.since.getTime(),
  );
  const first = bucketOf(new Date(begin));
  if (first.getTime() >= to) return undefined;
  return { from: first, to: new Date(to), isWhole: begin <= Math.max(revised, link.since.getTime()) };
}

/** Pieces of a period that one request may ask for, the oldest first; their borders are at whole multiples. */
export function piecesOf(
  { from, to }: Pick<Period, "from" | "to">,
  lengthMs: number,
): readonly { from: Date; to: Date }[] {
  const pieces: { from: Date; to: Date }[] = [];
  for (let begin = from.getTime(); begin < to.getTime(); ) {
    const end = Math.min(begin + lengthMs, to.getTime());
    pieces.push({ from: new Date(begin), to: new Date(end) });
    begin = end;
  }
  return pieces;
}

/** Links that are asked for together. No two of them are of one resource: its links follow one another in time. */
export interface SyncBatch<Link> extends Period {
  readonly links: readonly Link[];
}

interface Askable extends LinkPeriod {
  readonly resource: string;
  /** It was left out the last time. */
  readonly syncError: string | null;
}

interface Asking {
  readonly now: Date;
  readonly from?: Date | undefined;
  readonly resourcesMax: number;
}

/** Those that were left out the last time come last, one by one: they spoil nobody's answer again. */
export function batchesOf<Link extends Askable>(links: readonly Link[], asking: Asking): readonly SyncBatch<Link>[] {
  const suspects = links.filter(({ syncError }) => syncError !== null);
  const others = links.filter(({ syncError }) => syncError === null);
  return [...alikeOf(others, asking), ...alikeOf(suspects, { ...asking, resourcesMax: 1 })];
}

function alikeOf<Link extends Askable>(
  links: readonly Link[],
  { resourcesMax, ...moment }: Asking,
): readonly SyncBatch<Link>[] {
  const batches = new Map<string, { period: Period; links: Link[] }[]>();
  for (const link of links) {
    const period = periodToAsk(link, moment);
    if (period === undefined) continue;
    const key = `${period.from.getTime()} ${period.to.getTime()} ${period.isWhole}`;
    const alike = batches.get(key) ?? [];
    const open = alike.at(-1);
    if (open === undefined || open.links.length === resourcesMax) alike.push({ period, links: [link] });
    else open.links.push(link);
    batches.set(key, alike);
  }
  return [...batches.values()].flat().map(({ period, links: alike }) => ({ ...period, links: alike }));
}
