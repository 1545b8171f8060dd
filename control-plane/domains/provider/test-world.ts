// Providers on a real database and a real ClickHouse, with stand-ins for the companies themselves. Tests only.
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { z } from "zod";
import { createSeal } from "../../../platform/seal.ts";
import { createTestClickHouse } from "../../database/test-clickhouse.ts";
import { createTestDatabase } from "../../database/test-database.ts";
import { createTestServices, inputFor, insertPerson } from "../distribution/test-customer.ts";
import { createProviderLinkService, createProviderService, type ProviderName, syncProvider } from "./index.ts";
import type { AskSettings } from "./request.ts";

export type ProviderWorld = Awaited<ReturnType<typeof openProviderWorld>>;

export const TEST_MASTER_KEY = "07".repeat(32);
const seal = createSeal(Buffer.from(TEST_MASTER_KEY, "hex"));

const WHOLE_ACCOUNT = "00000000-0000-0000-0000-000000000000";
const reportedRow = z.object({ requests: z.coerce.number(), bytes_out: z.coerce.number() });
type Reported = z.output<typeof reportedRow>;

export async function openProviderWorld(start: Date) {
  const [database, clickhouse] = await Promise.all([createTestDatabase(), createTestClickHouse()]);
  const { db } = database;
  let now = start;
  const clock = () => now;
  const policy = { allowPrivateOrigins: true };
  const operator = await insertPerson(db, "operator");
  const services = createTestServices(db);
  // What is tried again is tried at once.
  const patience: Pick<AskSettings, "wait"> = { wait: async () => {} };
  const countEdges = async () => ({ nodes: 0, live: 0 });
  const settings = { db, clickhouse: clickhouse.clickhouse, seal, clock, outgoing: policy, patience };
  return {
    db,
    databaseUrl: database.url,
    clickhouse,
    operator,
    settings,
    providers: createProviderService({ db, seal, clock, policy, countEdges }),
    links: createProviderLinkService({ db, clock }),
    setTime(to: Date): void {
      now = to;
    },
    async distribution(): Promise<{ id: string; accountId: string }> {
      const name = randomUUID();
      const caller = await insertPerson(db, name);
      const { record } = await services.distributions.create(caller, inputFor(`${name}.example.com`));
      return { id: record.id, accountId: caller.accountId };
    },
    /** What a table or view of ClickHouse answers. */
    async rows<Row extends z.ZodType>(row: Row, query: string): Promise<z.output<Row>[]> {
      const answer = await clickhouse.clickhouse.query({ query, format: "JSONEachRow" });
      return z.array(row).parse(await answer.json());
    },
    /** What reports read of the distribution: the same in each of the three tables, and for its whole account. */
    async reported({ id, accountId }: { id: string; accountId: string }): Promise<Reported | undefined> {
      const sums: Reported[] = [];
      for (const table of ["minute", "hour", "day"]) {
        for (const distributionId of [id, WHOLE_ACCOUNT]) {
          const query = `SELECT sum(requests) AS requests, sum(bytes_out) AS bytes_out FROM reported_traffic_${table}
            WHERE account_id = '${accountId}' AND dimension = 'all' AND distribution_id = '${distributionId}'`;
          sums.push(...(await this.rows(reportedRow, query)));
        }
      }
      for (const other of sums) expect(other).toEqual(sums[0]);
      return sums[0];
    },
    sync: (provider: ProviderName, from?: Date, signal = AbortSignal.timeout(60_000)) =>
      syncProvider(settings, { provider, from }, signal),
    async stop(): Promise<void> {
      await Promise.all([database.stop(), clickhouse.stop()]);
    },
  };
}
