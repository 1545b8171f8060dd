// Lines to be counted, and whether the roll-ups say what the lines say, asked in another way than the views do. Tests only.
import { createHash, randomBytes, randomInt, randomUUID } from "node:crypto";
import { z } from "zod";
import type { AccessLogRow, LogBatch } from "../../../../agents/contract.ts";
import type { ClickHouse } from "../../../database/clickhouse.ts";
import { HIT_STATUSES, TTFB_BUCKET, trafficTables, WHOLE_ACCOUNT } from "./tables.ts";

export interface TestBatch {
  readonly batch: LogBatch;
  readonly rows: readonly AccessLogRow[];
}

const accounts = [randomUUID(), randomUUID()].map((id) => ({ id, distributions: [randomUUID(), randomUUID()] }));

function pick<T>(from: readonly [T, ...T[]]): T {
  return from[randomInt(from.length)] ?? from[0];
}

/** Rows at these times, of random content: sampled ones among them. */
export function batchAt(times: readonly Date[], changes: Partial<AccessLogRow> = {}): TestBatch {
  const id = createHash("sha256").update(randomUUID()).digest("hex");
  const batch = { id, edgeId: randomUUID(), receivedAt: new Date() };
  const secondsOf = (time: Date) => (time.getTime() / 1000).toFixed(3);
  const rows = times.map((time, index): AccessLogRow => {
    const account = accounts[randomInt(accounts.length)] ?? { id: randomUUID(), distributions: [] };
    const isHit = randomInt(3) > 0;
    return {
      time: secondsOf(time),
      edge_time: secondsOf(time),
      received_at: secondsOf(batch.receivedAt),
      edge_id: batch.edgeId,
      provider: "gotipath",
      batch_id: id,
      batch_line: index + 1,
      request_id: randomBytes(16).toString("hex"),
      account_id: account.id,
      distribution_id: account.distributions[randomInt(2)] ?? randomUUID(),
      host: "www.example.com",
      method: "GET",
      path: `/${randomInt(20)}`,
      query: "",
      status: pick([200, 200, 304, 404, 500, 502]),
      cache_status: isHit ? pick(["HIT", "STALE", "UPDATING", "REVALIDATED"]) : pick(["MISS", "BYPASS", "NONE"]),
      bytes_out: randomInt(2 ** 40),
      bytes_in: randomInt(1000),
      origin_bytes: isHit ? 0 : randomInt(2 ** 30),
      duration_ms: randomInt(1000),
      origin_ms: isHit ? null : randomInt(500),
      ttfb_ms: pick([0, 1, 31, 32, randomInt(1000), randomInt(2 ** 32)]),
      protocol: pick(["HTTP/1.1", "HTTP/2.0", "HTTP/3.0"]),
      tls: "TLSv1.3",
      country: pick(["", "DE", "IT", "US"]),
      asn: 0,
      referrer_host: pick(["", "a.example", "b.example"]),
      user_agent_family: pick(["", "Chrome", "curl"]),
      content_kind: pick(["page", "image", "segment"]),
      client_hash: String(randomBytes(8).readBigUInt64BE()),
      weight: pick([1, 1, 20, 40]),
      ...changes,
    };
  });
  return { batch, rows };
}

const HITS = `cache_status IN (${HIT_STATUSES.map((status) => `'${status}'`).join(", ")})`;
const SUMS = `sum(weight) AS a, sum(if(${HITS}, weight, 0)) AS b, sum(if(status >= 500, weight, 0)) AS c,
  sum(bytes_out * weight) AS d, sum(if(${HITS}, bytes_out * weight, 0)) AS e, sum(bytes_in * weight) AS f,
  sum(if(isNull(origin_ms), 0, weight)) AS g, sum(origin_bytes * weight) AS h`;
const COUNTED = `sum(requests) AS a, sum(hits) AS b, sum(errors) AS c, sum(bytes_out) AS d, sum(hit_bytes) AS e,
  sum(bytes_in) AS f, sum(origin_requests) AS g, sum(origin_bytes) AS h`;

function pairs(): { name: string; lines: string; counted: string }[] {
  const found: { name: string; lines: string; counted: string }[] = [];
  for (const { name, seconds, distributionDimensions } of trafficTables) {
    const values = {
      ...{ all: "''", edge_id: "edge_id", provider: "provider", country: "country", status: "status" },
      ...{ cache_status: "cache_status", protocol: "protocol", content_kind: "content_kind", ttfb: TTFB_BUCKET },
    };
    for (const [dimension, value] of Object.entries(values)) {
      const isForDistributions = distributionDimensions.some((one) => one === dimension);
      for (const scope of isForDistributions ? ["distribution", "account"] : ["account"]) {
        const distribution = scope === "account" ? `toUUID('${WHOLE_ACCOUNT}')` : "distribution_id";
        found.push({
          name: `${name} by ${dimension} of each ${scope}`,
          lines: `SELECT account_id, ${distribution} AS d_id, toDateTime(intDiv(toUnixTimestamp(time), ${seconds}) * ${seconds}, 'UTC') AS t,
            toString(${value}) AS v, ${SUMS} FROM access_log GROUP BY account_id, d_id, t, v`,
          counted: `SELECT account_id, distribution_id AS d_id, time AS t, toString(value) AS v, ${COUNTED} FROM ${name}
            WHERE dimension = '${dimension}' AND (distribution_id = '${WHOLE_ACCOUNT}') = ${scope === "account"}
            GROUP BY account_id, d_id, t, v HAVING (a, b, c, d, e, f, g, h) != (0, 0, 0, 0, 0, 0, 0, 0)`,
        });
      }
    }
  }
  const tops = { url: "concat(host, path)", referrer: "referrer_host", user_agent: "user_agent_family" };
  for (const [what, value] of Object.entries({ ...tops, error: "concat(toString(status), ' ', host, path)" })) {
    found.push({
      name: `top_day by ${what}`,
      lines: `SELECT account_id, distribution_id, toDate(time) AS t, ${value} AS v, sum(weight) AS a, sum(bytes_out * weight) AS d
        FROM access_log WHERE v != '' ${what === "error" ? "AND status >= 400" : ""} GROUP BY account_id, distribution_id, t, v`,
      counted: `SELECT account_id, distribution_id, day AS t, value AS v, sum(requests) AS a, sum(bytes_out) AS d
        FROM top_day WHERE what = '${what}' AND distribution_id != '${WHOLE_ACCOUNT}'
        GROUP BY account_id, distribution_id, t, v HAVING (a, d) != (0, 0)`,
    });
  }
  found.push({
    name: "top_account_day",
    lines: `SELECT account_id, toDate(time) AS t, sum(weight) AS a FROM access_log GROUP BY account_id, t`,
    counted: `SELECT account_id, day AS t, sum(requests) AS a FROM top_account_day WHERE what = 'url' GROUP BY account_id, t HAVING a != 0`,
  });
  return found;
}

const SIDES = z.array(z.object({ name: z.string(), keys: z.coerce.number() }));

/** What does not say what the lines say: empty, if all is well. */
export async function differences(clickhouse: ClickHouse): Promise<readonly string[]> {
  const query = pairs()
    .map(
      ({ name, lines, counted }) => `SELECT '${name}' AS name, count() AS keys FROM
        ((SELECT * FROM (${lines}) EXCEPT SELECT * FROM (${counted})) UNION ALL (SELECT * FROM (${counted}) EXCEPT SELECT * FROM (${lines})))`,
    )
    .join("\nUNION ALL ");
  const answer = await clickhouse.query({ query, format: "JSONEachRow" });
  return SIDES.parse(await answer.json())
    .filter(({ keys }) => keys > 0)
    .map(({ name, keys }) => `${name}: ${keys}`)
    .sort();
}

const rowsSchema = z.tuple([z.object({ rows: z.coerce.number(), lines: z.coerce.number() })]);

export async function storedRows(clickhouse: ClickHouse): Promise<{ rows: number; lines: number }> {
  const query = "SELECT count() AS rows, uniqExact(edge_id, batch_id, batch_line) AS lines FROM access_log";
  const answer = await clickhouse.query({ query, format: "JSONEachRow" });
  return rowsSchema.parse(await answer.json())[0];
}
