// What the comparison says otherwise on a cluster, where each shard has its own part of the lines. No I/O.

/** Its name; no row, or an empty one: one server. */
export const CLUSTER_NAME_QUERY = `SELECT ${clusterNameIn("engine_full")} AS cluster FROM system.tables
      WHERE database = currentDatabase() AND name = 'access_log'`;

/** `engine`: as ClickHouse writes the engine of a table. */
export function clusterNameIn(engine: string): string {
  return `extract(${engine}, '^Distributed\\\\(\\'([^\\']+)')`;
}

/** When which days of lines changed. */
export function changedPartsQuery(cluster: string): string {
  const [parts, table] =
    cluster === ""
      ? ["system.parts", "access_log"]
      : [`clusterAllReplicas('${cluster}', system.parts)`, "access_log_local"];
  return `SELECT toDate(parseDateTimeBestEffort(partition)) AS date, max(modification_time) AS changed_at FROM ${parts}
        WHERE database = currentDatabase() AND table = '${table}' AND active GROUP BY date`;
}

/** A table over several shards cannot be deleted from: each of them is. */
export function deleteTopsQuery(cluster: string, condition: string): string {
  const table = cluster === "" ? "top_account_day" : `top_account_day_local ON CLUSTER '${cluster}'`;
  return `ALTER TABLE ${table} DELETE WHERE ${condition}`;
}
