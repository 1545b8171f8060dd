// The tables that traffic is told from, and what each can tell.
import { KEPT_DAYS } from "../log/access-log.ts";
import { columns } from "./dimensions.ts";
import { states, sums } from "./metrics.ts";
import type { Family, Table } from "./plan.ts";

const requests: Table = { name: "access_log", bucketMs: null, keptDays: KEPT_DAYS };

const raw: Family = {
  kind: "raw",
  columns: new Set(columns),
  ingredients: new Set([...sums, ...states]),
  tables: [requests],
};

/** The cheapest first. */
export const families: readonly Family[] = [raw];
