// Providers on a real database and a real ClickHouse, with stand-ins for the companies themselves. Tests only.
import { randomUUID } from "node:crypto";
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

export async function openProviderWorld(start: Date) {
  const [database, clickhouse] = await Promise.all([createTestDatabase(), createTestClickHouse()]);
  const { db } = database;
  let now = start;
  const clock = () => now;
  const policy = { allowPrivateOrigins: true };
  const operator = await insertPerson(db, "operator");
  const services = createTestServices(db);
  const waits: number[] = [];
  const patience: Pick<AskSettings, "wait" | "timeoutMs"> = {
    wait: async (ms) => void waits.push(ms),
    timeoutMs: 2_000,
  };
  const countEdges = async () => ({ nodes: 0, live: 0 });
  const settings = { db, clickhouse: clickhouse.clickhouse, seal, clock, outgoing: policy, patience };
  return {
    db,
    databaseUrl: database.url,
    clickhouse,
    operator,
    settings,
    waits,
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
    sync: (provider: ProviderName, from?: Date, signal = AbortSignal.timeout(60_000)) =>
      syncProvider(settings, { provider, from }, signal),
    async stop(): Promise<void> {
      await Promise.all([database.stop(), clickhouse.stop()]);
    },
  };
}
