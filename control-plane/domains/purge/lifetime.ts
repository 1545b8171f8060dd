// How long a mark is needed. No cached answer outlives its era of 30 days (openresty/lua/marks.lua); a day more is for
// clocks that differ.
const DAY_MS = 24 * 3_600_000;
export const MARK_LIFETIME_MS = 31 * DAY_MS;
