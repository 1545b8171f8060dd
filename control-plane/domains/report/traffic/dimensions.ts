// By what traffic can be told apart: groups and filters, and the columns they need. No I/O.

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

function columnOf(group: Group): Column {
  return group === "status_class" ? "status" : group;
}

/** One of the values each; a column that is not named is not looked at. */
export type Filter = Readonly<Partial<Record<Column, readonly string[]>>> & {
  /** Classes of status, as 4 for 4xx, beside single ones: either will do. */
  readonly status_class?: readonly string[];
};

export function columnsOf(filter: Filter, group: Group | undefined): readonly Column[] {
  const ofClass = filter.status_class === undefined ? [] : (["status"] as const);
  const grouped = group === undefined ? [] : [columnOf(group)];
  return [...columns.filter((column) => filter[column] !== undefined), ...ofClass, ...grouped];
}
