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

export const noSums: Sums = {
  ...{ requests: 0, bytes: 0, bytes_in: 0, hits: 0, hit_bytes: 0 },
  ...{ origin_requests: 0, origin_bytes: 0 },
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

export function added(one: Sums, other: Sums): Sums {
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
