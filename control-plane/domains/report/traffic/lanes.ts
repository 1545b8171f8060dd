// Which rows of which tables tell what a report asks. A roll-up counts requests by one dimension at a time: what lies across
// two is told by the requests themselves. No I/O.
import { type Dimension, dimensions, LINES_KEPT_DAYS, type TrafficTable, trafficTables } from "../counted/tables.ts";
import type { Column } from "./dimensions.ts";
import { type Ingredient, sums } from "./metrics.ts";

export interface Table {
  readonly name: string;
  /** How much time a row stands for; null: a row is a request. */
  readonly bucketMs: number | null;
  /** What is older may be gone. */
  readonly keptDays: number;
  /** Where other providers' traffic stands, which no line of a log tells: a table of minutes, read beside this one. */
  readonly beside?: string;
}

/** Ingredients that the same rows tell. */
export interface Lane {
  /** By what the roll-ups' rows are told apart; null: no roll-up tells it. */
  readonly dimension: Dimension | null;
  readonly ingredients: readonly Ingredient[];
  /** The coarsest first. The last resort are the requests themselves. */
  readonly tables: readonly Table[];
}

const requestsTable: Table = { name: "access_log", bucketMs: null, keptDays: LINES_KEPT_DAYS };

export interface Wanted {
  readonly ingredients: readonly Ingredient[];
  /** Of groups and filters. */
  readonly columns: readonly Column[];
  /** Of single distributions, not of whole accounts. */
  readonly isOfDistributions: boolean;
  /** Of what our edges served alone. Other providers tell late of theirs, and no more than sums by one dimension. */
  readonly isOfOwnEdges: boolean;
}

export function lanesOf({ ingredients, columns, isOfDistributions, isOfOwnEdges }: Wanted): readonly Lane[] {
  const told = ingredients.map((ingredient) => ({ ingredient, dimension: dimensionOf(ingredient, columns) }));
  // Requests that are read anyway tell everything else in passing.
  if (told.some(({ dimension }) => dimension === null)) {
    return [{ dimension: null, ingredients, tables: [requestsTable] }];
  }
  const lanes = new Map<string, Lane>();
  for (const { ingredient, dimension } of told) {
    const tables = trafficTables.filter((table) => tells(table, { ingredient, dimension, isOfDistributions }));
    const key = `${dimension} ${tables.map(({ name }) => name).join(" ")}`;
    const known = lanes.get(key)?.ingredients ?? [];
    lanes.set(key, {
      dimension,
      ingredients: [...known, ingredient],
      tables: isOfOwnEdges
        ? [...tables.map(tableOf), requestsTable]
        : [...tables.map(tableOf).map(withProviders), requestsBeside(ingredient)],
    });
  }
  return [...lanes.values()];
}

/** Null: no roll-up tells it. */
function dimensionOf(ingredient: Ingredient, columns: readonly Column[]): Dimension | null {
  const [column, ...others] = new Set(columns.filter((name) => name !== "account_id" && name !== "distribution_id"));
  const own = ownDimension(ingredient);
  if (column === undefined) return own ?? "all";
  const dimension = dimensions.find((name) => name === column);
  const isTold = others.length === 0 && (own === undefined || own === dimension);
  return isTold ? (dimension ?? null) : null;
}

/** Undefined: it is a sum that is counted in each dimension. */
function ownDimension(ingredient: Ingredient): Dimension | undefined {
  switch (ingredient) {
    case "status_1xx":
    case "status_2xx":
    case "status_3xx":
    case "status_4xx":
      return "status";
    case "ttfb":
      return "ttfb";
    case "visitors":
      return "all";
    default:
      return undefined;
  }
}

function tells(
  table: TrafficTable,
  row: { ingredient: Ingredient; dimension: Dimension | null; isOfDistributions: boolean },
): boolean {
  if (row.ingredient === "visitors" && !table.hasVisitors) return false;
  return row.dimension !== null && (!row.isOfDistributions || table.distributionDimensions.includes(row.dimension));
}

/** The view of a roll-up and of what other providers say of theirs. */
function withProviders(table: Table): Table {
  return { ...table, name: `reported_${table.name}` };
}

function requestsBeside(ingredient: Ingredient): Table {
  const isSum = sums.some((name) => name === ingredient);
  return isSum ? { ...requestsTable, beside: "provider_traffic_minute" } : requestsTable;
}

function tableOf({ name, seconds, keptDays }: TrafficTable): Table {
  return { name, bucketMs: seconds * 1000, keptDays };
}
