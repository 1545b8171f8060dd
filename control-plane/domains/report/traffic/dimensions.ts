// By what traffic can be told apart: groups and filters, the columns they need, and what they are in SQL. No I/O.

/** Columns that tell requests apart. */
export const columns = [
  "account_id",
  "distribution_id",
  "edge_id",
  "provider",
  "country",
  "status",
  "cache_status",
  "protocol",
  "content_kind",
  "host",
  "method",
] as const;
export type Column = (typeof columns)[number];

export const groups = [
  "distribution_id",
  "edge_id",
  "provider",
  "country",
  "status",
  "status_class",
  "cache_status",
  "protocol",
  "content_kind",
  "host",
] as const;
/** Whose traffic it is, is told to operators alone. */
export const operatorGroups = ["account_id", ...groups] as const;
export type Group = (typeof operatorGroups)[number];

/** A provider may tell no more of a status than its class: 2 to 5. */
export const STATUS_CLASS = "if(status < 10, status, intDiv(status, 100))";

export function columnOf(group: Group): Column {
  return group === "status_class" ? "status" : group;
}

export function expressionOf(group: Group): string {
  return group === "status_class" ? `concat(toString(${STATUS_CLASS}), 'xx')` : `toString(${group})`;
}

/** One of the values each; a column that is not named is not looked at. */
export type Filter = Readonly<Partial<Record<Column, readonly string[]>>> & {
  /** Classes of status beside single ones: 4 is 4xx. */
  readonly status_class?: readonly string[];
};
