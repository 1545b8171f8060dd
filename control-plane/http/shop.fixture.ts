// For idempotency.test.ts: a shop in a process of its own, to be killed. It says its URL, then what has begun.
import { connectDatabase } from "../database/connection.ts";
import { startShop } from "./test-shop.ts";

const [databaseUrl = ""] = process.argv.slice(2);
const { db } = connectDatabase(databaseUrl, { poolMax: 4, applicationName: "shop" });
const { url, events } = await startShop(db, { transactionsMax: 2 });
events.on("begun", (item) => process.stdout.write(`${item}\n`));
process.stdout.write(`${url}\n`);
