// The statements of migrations/clickhouse as a cluster takes them: replicated tables, and over those whose rows are spread
// over the shards a Distributed table of the plain name, so that all that reads and writes stays as it is. No I/O.

/** What has rows by the line, and what is counted from it: in `<name>_local` on each shard. All other tables are small, and whole on every server. */
const shardedBy: Readonly<Record<string, string>> = {
  // A batch goes to one shard, whole: its token is known there, and its views count it there.
  access_log: "cityHash64(edge_id, batch_id)",
  access_log_next: "cityHash64(edge_id, batch_id)",
  access_log_0001: "cityHash64(edge_id, batch_id)",
  traffic_minute: "cityHash64(account_id)",
  traffic_hour: "cityHash64(account_id)",
  traffic_day: "cityHash64(account_id)",
  top_day: "cityHash64(account_id)",
  top_account_day: "cityHash64(account_id)",
};

/** A batch is sent again until it is acknowledged: as long as an edge may be away from ClickHouse, and not an hour. */
const TOKENS_KEPT_SECONDS = 7 * 24 * 3600;

/** One statement of a migration, as the statements that a cluster takes in its place. Each is safe to run twice, as it was. */
export function renderForCluster(statement: string, cluster: string): readonly string[] {
  const on = `ON CLUSTER '${cluster}'`;
  const rename = /^RENAME TABLE (\w+) TO (\w+)$/.exec(statement);
  if (rename !== null) return renameTable(rename[1] ?? "", rename[2] ?? "", on, cluster);
  const named = STATEMENT.exec(statement);
  if (named?.groups === undefined) return [statement];
  const { verb = "", name = "", rest = "" } = named.groups;
  switch (kindOf(verb)) {
    case "create table":
      return createTable({ verb, name, rest }, on, cluster);
    case "create materialized view":
      return [`${verb} ${name} ${on}${viewOfLocals(rest)}`];
    case "alter table":
      return name in shardedBy ? alterTable({ verb, name, rest }, on) : [`${verb} ${name} ${on}${rest}`];
    case "drop table":
      return tablesOf(name).map((table) => `${verb} ${table} ${on}${rest} SYNC`);
    case "truncate table":
      return [`${verb} ${localOf(name)} ${on}${rest}`];
    default:
      return [`${verb} ${name} ${on}${rest}`];
  }
}

const STATEMENT =
  /^(?<verb>(?:CREATE (?:OR REPLACE )?(?:TABLE|MATERIALIZED VIEW|VIEW)|ALTER TABLE|DROP (?:TABLE|VIEW)|TRUNCATE TABLE)(?: IF (?:NOT )?EXISTS)?) (?<name>\w+)(?<rest>[\s\S]*)$/;

interface Named {
  readonly verb: string;
  readonly name: string;
  readonly rest: string;
}

function kindOf(verb: string): string {
  return verb.replace(/ OR REPLACE| IF (NOT )?EXISTS/g, "").toLowerCase();
}

function localOf(name: string): string {
  return name in shardedBy ? `${name}_local` : name;
}

function tablesOf(name: string): readonly string[] {
  return name in shardedBy ? [name, `${name}_local`] : [name];
}

function createTable({ verb, name, rest }: Named, on: string, cluster: string): readonly string[] {
  const isSharded = name in shardedBy;
  // A table that is whole on every server has as many replicas as there are servers.
  const place = isSharded
    ? "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"
    : "'/clickhouse/tables/{uuid}', '{shard}-{replica}'";
  const replicated = rest
    .replace(/\bENGINE = (\w*MergeTree)(?:\(([^)]*)\))?/, (_, engine: string, given: string | undefined) => {
      const columns = given === undefined || given.trim() === "" ? "" : `, ${given}`;
      return `ENGINE = Replicated${engine}(${place}${columns})`;
    })
    .replace(
      /\bnon_replicated_deduplication_window = (\d+)/,
      `replicated_deduplication_window = $1, replicated_deduplication_window_seconds = ${TOKENS_KEPT_SECONDS}`,
    );
  const table = `${verb} ${localOf(name)} ${on}${replicated}`;
  return isSharded ? [table, distributed(name, on, cluster)] : [table];
}

function distributed(name: string, on: string, cluster: string): string {
  const engine = `Distributed('${cluster}', currentDatabase(), '${name}_local', ${shardedBy[name]})`;
  return `CREATE TABLE IF NOT EXISTS ${name} ${on} AS ${name}_local ENGINE = ${engine}`;
}

/** A view counts what its own shard stored. Its columns go on by the name that the table has elsewhere. */
function viewOfLocals(rest: string): string {
  return rest
    .replace(/\bTO (\w+)/, (_, name: string) => `TO ${localOf(name)}`)
    .replace(/\bFROM (\w+)/g, (from, name: string) => (name in shardedBy ? `${from}_local AS ${name}` : from));
}

/** Columns are the business of both; what is stored how is that of the local table. */
function alterTable({ verb, name, rest }: Named, on: string): readonly string[] {
  const isOfColumns = /^\s*(ADD|DROP|MODIFY|RENAME) COLUMN/.test(rest) || /^\s*COMMENT/.test(rest);
  return (isOfColumns ? [`${name}_local`, name] : [`${name}_local`]).map((table) => `${verb} ${table} ${on}${rest}`);
}

function renameTable(from: string, to: string, on: string, cluster: string): readonly string[] {
  if (!(from in shardedBy)) return [`RENAME TABLE IF EXISTS ${from} TO ${to} ${on}`];
  return [
    `RENAME TABLE IF EXISTS ${from}_local TO ${to}_local ${on}`,
    distributed(to, on, cluster),
    // Last: until then the condition of the migration says that there is something to do.
    `DROP TABLE IF EXISTS ${from} ${on} SYNC`,
  ];
}
