// Asks ClickHouse how lines and roll-ups compare, and adds to a roll-up what it lacks.
import { type ClickHouseSettings, SettingsMap } from "@clickhouse/client";
import { z } from "zod";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import { CLUSTER_NAME_QUERY, changedPartsQuery, deleteTopsQuery } from "./cluster-sql.ts";
import type { Period, RollUp, Totals } from "./roll-ups.ts";
import { LINES_KEPT_DAYS, sums, sumsOfLines, WHOLE_ACCOUNT } from "./tables.ts";

const DAY_MS = 24 * 3600 * 1000;
/** A whole day of a busy platform is added up at once. */
const QUERY_SECONDS_MAX = 25;
const MEMORY_BYTES_MAX = 4 * 1024 ** 3;

const seconds = z.coerce.number().transform((value) => new Date(value * 1000));
/** Milliseconds; 0 where there is nothing. */
const moment = z.coerce.number().transform((value) => (value === 0 ? undefined : new Date(value)));
const count = z.coerce.number();
const totals = z.object({
  requests: z.string(),
  hits: z.string(),
  errors: z.string(),
  bytes_out: z.string(),
  hit_bytes: z.string(),
  bytes_in: z.string(),
  origin_requests: z.string(),
  origin_bytes: z.string(),
}) satisfies z.ZodType<Totals>;

const SUMS = sums.map((name) => `sum(${name}) AS ${name}`).join(", ");
const SUMS_OF_LINES = sums.map((name) => `${sumsOfLines[name]} AS ${name}`).join(", ");

export type ReconcileStore = ReturnType<typeof createReconcileStore>;

export function createReconcileStore(clickhouse: ClickHouse, signal: AbortSignal) {
  async function rows<Row extends z.ZodType>(
    row: Row,
    query: string,
    query_params: Record<string, unknown> = {},
  ): Promise<z.output<Row>[]> {
    const answer = await clickhouse.query({
      query,
      query_params,
      format: "JSONEachRow",
      abort_signal: signal,
      clickhouse_settings: {
        max_execution_time: QUERY_SECONDS_MAX,
        max_memory_usage: String(MEMORY_BYTES_MAX),
        output_format_json_quote_64bit_integers: 1,
      },
    });
    return z.array(row).parse(await answer.json());
  }

  /** ClickHouse's own clock, by which it stamps what it stores. */
  async function now(): Promise<Date> {
    const [found] = await rows(z.object({ now: count }), "SELECT toUnixTimestamp64Milli(now64(3)) AS now");
    if (found === undefined) throw new Error("ClickHouse did not tell the time");
    return new Date(found.now);
  }

  /** Days of which lines were stored, or parts merged, since they were reconciled. */
  async function findChangedDays(): Promise<readonly Date[]> {
    const found = await rows(
      z.object({ day: seconds }),
      `SELECT toUnixTimestamp(toDateTime(changed.date, 'UTC')) AS day
      FROM
      (
        ${changedPartsQuery(await clusterName())}
        UNION ALL
        SELECT toDate(hour) AS date, max(noted_at) AS changed_at FROM doubtful_hour GROUP BY date
      ) AS changed
      LEFT JOIN
      (
        SELECT toDate(time) AS date, least(maxIf(stored_until, span = 'day'), maxIf(stored_until, span = 'top')) AS until
        FROM reconciled GROUP BY date
      ) AS compared ON changed.date = compared.date
      WHERE changed.date > today() - {kept:UInt16}
      GROUP BY changed.date
      -- A part is stamped by the second.
      HAVING max(changed.changed_at) + INTERVAL 1 SECOND > any(compared.until)
      -- The newest are asked for most.
      ORDER BY day DESC`,
      // A line may vanish in the middle of its last day.
      { kept: LINES_KEPT_DAYS - 1 },
    );
    return found.map(({ day }) => day);
  }

  /** Hours of the day that have lines, doubts or counts, the day itself, and what was asked for most in it. */
  async function findSpans({ from, to }: Period) {
    const found = await rows(
      z.object({
        span: z.enum(["hour", "day", "top"]),
        time: seconds,
        stored: moment,
        noted: moment,
        reconciled: moment,
      }),
      `SELECT span, toUnixTimestamp(start) AS time, toUnixTimestamp64Milli(max(stored)) AS stored,
        toUnixTimestamp64Milli(max(noted)) AS noted, toUnixTimestamp64Milli(max(until)) AS reconciled
      FROM
      (
        WITH toDateTime64(0, 3, 'UTC') AS never
        SELECT 'hour' AS span, toDateTime(toStartOfHour(time), 'UTC') AS start, max(stored_at) AS stored, never AS noted,
          never AS until
        FROM access_log WHERE ${within("access_log", { from, to })} GROUP BY start
        UNION ALL SELECT 'hour', hour, never, noted_at, never FROM doubtful_hour WHERE ${within("doubtful_hour", { from, to })}
        UNION ALL SELECT 'hour', time, never, never, never FROM traffic_hour
        WHERE ${within("traffic_hour", { from, to })} AND dimension = 'all' AND distribution_id = '${WHOLE_ACCOUNT}'
        UNION ALL SELECT toString(span), time, never, never, stored_until FROM reconciled
        WHERE ${within("reconciled", { from, to })}
      )
      GROUP BY span, start ORDER BY start`,
    );
    return found.map(({ span, time, stored, noted, reconciled }) => ({
      ...{ span, time, storedLast: stored, notedLast: noted, reconciledUntil: reconciled },
    }));
  }

  /** By hour: what the lines add up to. */
  async function totalsOfLines(period: Period): Promise<ReadonlyMap<number, Totals>> {
    const found = await rows(
      totals.extend({ hour: seconds }),
      `SELECT toUnixTimestamp(toDateTime(toStartOfHour(time), 'UTC')) AS hour, ${SUMS_OF_LINES}
      FROM access_log AS t WHERE ${within("access_log", period)} GROUP BY hour`,
    );
    return new Map(found.map((row) => [row.hour.getTime(), row]));
  }

  /** By span (an hour or a day) and series: what a roll-up adds up to. Each series counts each request once. */
  async function totalsOf(table: string, start: "toStartOfHour" | "toStartOfDay", period: Period) {
    return rows(
      totals.extend({ start: seconds, series: z.string() }),
      `SELECT toUnixTimestamp(toDateTime(${start}(time), 'UTC')) AS start,
        concat(if(distribution_id = '${WHOLE_ACCOUNT}', 'account', 'distribution'), ' by ', toString(dimension)) AS series, ${SUMS}
      FROM ${table} WHERE ${within(table, period)} GROUP BY start, series`,
    );
  }

  /** What top_day says of the day, and what traffic_day says of the same. */
  async function topsOfDay(period: Period) {
    const pair = z.object({ what: z.string(), requests: z.string(), bytes_out: z.string() });
    const sum = "sum(requests) AS requests, sum(bytes_out) AS bytes_out";
    const [counted, expected] = await Promise.all([
      rows(
        pair,
        `SELECT what, ${sum} FROM top_day WHERE ${within("top_day", period)} AND what IN ('url', 'error') GROUP BY what HAVING requests != 0 ORDER BY toString(what)`,
      ),
      rows(
        pair,
        `SELECT if(dimension = 'all', 'url', 'error') AS what, ${sum} FROM traffic_day
        WHERE ${within("traffic_day", period)} AND distribution_id = '${WHOLE_ACCOUNT}'
          AND (dimension = 'all' OR dimension = 'status' AND toUInt16OrZero(value) >= 400)
        GROUP BY what HAVING requests != 0 ORDER BY what`,
      ),
    ]);
    return { counted, expected };
  }

  /** Accounts of whose day the heaviest values were not made from all that top_day has. */
  async function findAccountsWithoutTops(period: Period): Promise<readonly string[]> {
    const found = await rows(
      z.object({ account: z.string() }),
      `SELECT DISTINCT toString(account_id) AS account
      FROM
      (
        SELECT account_id, toString(what) AS what, requests AS counted, 0 AS held FROM top_day
          WHERE ${within("top_day", period)} AND what IN ('url', 'error')
        UNION ALL SELECT account_id, toString(what), 0, requests FROM top_account_day WHERE ${within("top_day", period)}
      )
      GROUP BY account_id, what HAVING sum(counted) != sum(held)`,
    );
    return found.map(({ account }) => account);
  }

  /** Made anew: from a state of the heaviest nothing can be taken away. Whoever is killed in between finds it missing. */
  async function remakeTops(period: Period, accounts: readonly string[]): Promise<void> {
    const query_params = { accounts: [...accounts] };
    const condition = `${within("top_day", period)} AND has({accounts:Array(UUID)}, account_id)`;
    await clickhouse.command({
      query: deleteTopsQuery(await clusterName(), condition),
      query_params,
      clickhouse_settings: { mutations_sync: "2" },
      abort_signal: signal,
    });
    await clickhouse.command({
      query: `INSERT INTO top_account_day (account_id, what, day, requests, top)
        SELECT account_id, what, day, requests, top
        FROM
        (
          SELECT account_id, what, day, sum(counted) AS requests, approx_top_sumState(1000, 3000)(item, counted) AS top
          FROM
          (
            SELECT account_id, what, day,
              concat(toString(distribution_id), ' ', value) AS item, sum(requests) AS counted
            FROM top_day
            WHERE ${within("top_day", period)} AND what IN ('url', 'error') AND has({accounts:Array(UUID)}, account_id)
            GROUP BY account_id, what, day, distribution_id, value
          )
          GROUP BY account_id, what, day
        )`,
      query_params,
      // The same content may have been there before it was deleted.
      clickhouse_settings: { ...settingsOf(undefined), insert_deduplicate: 0, distributed_foreground_insert: 1 },
      abort_signal: signal,
    });
  }

  let cluster: Promise<string> | undefined;
  /** Empty: one server. On a cluster the lines lie in access_log_local, on each shard its own. */
  function clusterName(): Promise<string> {
    cluster ??= rows(z.object({ cluster: z.string() }), CLUSTER_NAME_QUERY).then(([found]) => found?.cluster ?? "");
    return cluster;
  }

  const selects = new Map<string, string>();
  async function selectOf(view: string): Promise<string> {
    const known = selects.get(view);
    if (known !== undefined) return known;
    const [found] = await rows(
      z.object({ as_select: z.string() }),
      "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = {view:String}",
      { view },
    );
    if (found === undefined) throw new Error(`ClickHouse has no view ${view}`);
    // What the view reads on its own shard is compared over all of them.
    const select = found.as_select.replaceAll("_local AS ", " AS ");
    selects.set(view, select);
    return select;
  }

  /** What is to be added to the roll-up, key by key, so that it is what its view makes of the source today. */
  async function differenceOf(rollUp: RollUp, period: Period): Promise<string> {
    const { target, keys, set } = rollUp;
    const key = keys.join(", ");
    const merged = set === undefined ? "" : `, ${set.merge}(${set.column}) AS united`;
    return `SELECT ${key}, ${rollUp.sums.map((name) => `sum(${name}_more) AS more_${name}`).join(", ")}${merged}
      FROM
      (
        SELECT ${key}, ${rollUp.sums.map((name) => `toUInt64(${name}) AS ${name}_more`).join(", ")}${set === undefined ? "" : `, ${set.column}`}
        FROM (${await selectOf(rollUp.view)})
        UNION ALL
        -- Sums are modulo 2^64: what is added may be what is to be taken away.
        SELECT ${key}, ${rollUp.sums.map((name) => `toUInt64(0 - toInt64(${name})) AS ${name}_more`).join(", ")}${set === undefined ? "" : `, ${set.column}`}
        FROM ${target} WHERE ${within(target, period)}
      )
      GROUP BY ${key}
      HAVING ${rollUp.sums.map((name) => `more_${name} != 0`).join(" OR ")}`;
  }

  /** The source is cut to the period where the view reads it. */
  function settingsOf(filtered: { rollUp: RollUp; period: Period; database: string } | undefined): ClickHouseSettings {
    const limits = {
      max_execution_time: QUERY_SECONDS_MAX,
      max_memory_usage: String(MEMORY_BYTES_MAX),
      // What does not fit goes by way of the disk.
      max_bytes_before_external_group_by: String(MEMORY_BYTES_MAX / 4),
      max_bytes_before_external_sort: String(MEMORY_BYTES_MAX / 4),
    };
    if (filtered === undefined) return limits;
    const { rollUp, period, database } = filtered;
    const filter = within(rollUp.source, period).replaceAll("'", "\\'");
    return { ...limits, additional_table_filters: SettingsMap.from({ [`${database}.${rollUp.source}`]: filter }) };
  }

  let database: string | undefined;
  async function databaseName(): Promise<string> {
    database ??= (await rows(z.object({ name: z.string() }), "SELECT currentDatabase() AS name"))[0]?.name;
    return database ?? "default";
  }

  /** Undefined: there is no difference. Else a text that is the same for the same difference. */
  async function fingerprintOf(rollUp: RollUp, period: Period): Promise<string | undefined> {
    const more = rollUp.sums.map((name) => `more_${name}`).join(", ");
    const answer = await clickhouse.query({
      query: `SELECT count() AS rows, toString(groupBitXor(cityHash64(${rollUp.keys.join(", ")}, ${more}))) AS hash
        FROM (${await differenceOf(rollUp, period)})`,
      format: "JSONEachRow",
      abort_signal: signal,
      clickhouse_settings: settingsOf({ rollUp, period, database: await databaseName() }),
    });
    const [found] = z.array(z.object({ rows: count, hash: z.string() })).parse(await answer.json());
    return found === undefined || found.rows === 0 ? undefined : `${found.rows}/${found.hash}`;
  }

  /** One insert, which is there or is not. Two who found the same difference add it once. */
  async function addDifference(rollUp: RollUp, period: Period, fingerprint: string): Promise<void> {
    const { target, keys, set } = rollUp;
    const columns = [...keys, ...rollUp.sums, ...(set === undefined ? [] : [set.column])];
    const values = [...keys, ...rollUp.sums.map((name) => `more_${name}`), ...(set === undefined ? [] : ["united"])];
    await clickhouse.command({
      query: `INSERT INTO ${target} (${columns.join(", ")})
        SELECT ${values.join(", ")} FROM (${await differenceOf(rollUp, period)}) ORDER BY ${keys.join(", ")}`,
      abort_signal: signal,
      clickhouse_settings: {
        ...settingsOf({ rollUp, period, database: await databaseName() }),
        distributed_foreground_insert: 1,
        insert_deduplicate: 1,
        insert_deduplication_token: `reconcile/${target}/${period.from.getTime()}/${fingerprint}`,
      },
    });
  }

  async function recordReconciled(span: "hour" | "day" | "top", times: readonly Date[], until: Date): Promise<void> {
    if (times.length === 0) return;
    await clickhouse.insert({
      table: "reconciled",
      columns: ["span", "time", "stored_until"],
      values: times.map((time) => [span, time.getTime() / 1000, (until.getTime() / 1000).toFixed(3)]),
      format: "JSONCompactEachRow",
    });
  }

  return {
    ...{ now, findChangedDays, findSpans, totalsOfLines, totalsOf, topsOfDay, findAccountsWithoutTops, remakeTops },
    ...{ fingerprintOf, addDifference, recordReconciled },
  };
}

/**
 * Whole hours, or whole days of a table that knows days alone. A DateTime64 is compared with its like: with a DateTime,
 * ClickHouse leaves out parts whose lines all lie in the last second before it.
 */
function within(table: string, { from, to }: Period, column = timeColumnOf(table)): string {
  const at = (time: Date) => {
    if (column === "day") return `toDate('${time.toISOString().slice(0, 10)}')`;
    return table === "access_log"
      ? `fromUnixTimestamp64Milli(${time.getTime()})`
      : `toDateTime(${time.getTime() / 1000}, 'UTC')`;
  };
  return `${column} >= ${at(from)} AND ${column} < ${at(to)}`;
}

function timeColumnOf(table: string): string {
  if (table.startsWith("top_")) return "day";
  return table === "doubtful_hour" ? "hour" : "time";
}

export function dayOf(from: Date): Period {
  return { from, to: new Date(from.getTime() + DAY_MS) };
}
