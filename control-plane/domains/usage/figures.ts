// What an account has used, in numbers: as it is counted, stored at the close of a month and added up. No I/O.
import { z } from "zod";
import { type Region, regions } from "../../../edge-templates/index.ts";

/** Sums over any part of a month. */
const sumsSchema = z.object({
  requests: z.number(),
  bytes: z.number(),
  bytes_in: z.number(),
  hits: z.number(),
  hit_bytes: z.number(),
  origin_requests: z.number(),
  origin_bytes: z.number(),
});
export type Sums = z.output<typeof sumsSchema>;

/** As they are counted: numbers lose their last digits above 2^53, and parts of them would not add up to their whole. */
export type ExactSums = { readonly [Name in keyof Sums]: bigint };

export const noSums: ExactSums = {
  ...{ requests: 0n, bytes: 0n, bytes_in: 0n, hits: 0n, hit_bytes: 0n },
  ...{ origin_requests: 0n, origin_bytes: 0n },
};

/** Of one month of an account: what an invoice is made from. Whoever adds a meter lets former months be without it. */
export const figuresSchema = sumsSchema.extend({
  bytes_by_region: z.partialRecord(z.enum(regions), z.number()),
  /** Bits per second. Null: what it is computed from was not kept any more when the month was closed. */
  bandwidth_p95: z.number().nullable(),
});
export type Figures = z.output<typeof figuresSchema>;

export const dayFiguresSchema = sumsSchema.extend({ date: z.string() });
export type DayFigures = z.output<typeof dayFiguresSchema>;

/** Null ids: the others, where there are too many to be named. */
export const distributionFiguresSchema = sumsSchema.extend({
  distribution_id: z.uuid().nullable(),
  domain: z.string().nullable(),
});
export type DistributionFigures = z.output<typeof distributionFiguresSchema>;

export interface MonthFigures {
  readonly figures: Figures;
  readonly days: readonly DayFigures[];
  readonly distributions: readonly DistributionFigures[];
}

/** As they are stored and answered: above 2^53 the nearest that a number can be. */
export function rounded(sums: ExactSums): Sums {
  return {
    requests: Number(sums.requests),
    bytes: Number(sums.bytes),
    bytes_in: Number(sums.bytes_in),
    hits: Number(sums.hits),
    hit_bytes: Number(sums.hit_bytes),
    origin_requests: Number(sums.origin_requests),
    origin_bytes: Number(sums.origin_bytes),
  };
}

export function added(one: ExactSums, other: ExactSums): ExactSums {
  return {
    requests: one.requests + other.requests,
    bytes: one.bytes + other.bytes,
    bytes_in: one.bytes_in + other.bytes_in,
    hits: one.hits + other.hits,
    hit_bytes: one.hit_bytes + other.hit_bytes,
    origin_requests: one.origin_requests + other.origin_requests,
    origin_bytes: one.origin_bytes + other.origin_bytes,
  };
}

/** Every region, those without traffic too. */
export function byEveryRegion(bytes: Figures["bytes_by_region"]): Record<Region, number> {
  return {
    africa: bytes.africa ?? 0,
    asia: bytes.asia ?? 0,
    europe: bytes.europe ?? 0,
    middle_east: bytes.middle_east ?? 0,
    north_america: bytes.north_america ?? 0,
    oceania: bytes.oceania ?? 0,
    south_america: bytes.south_america ?? 0,
    other: bytes.other ?? 0,
  };
}

/** 0 where there was nothing. */
export function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 1e6) / 1e6;
}
