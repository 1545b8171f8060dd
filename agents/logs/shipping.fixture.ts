// An agent's sending of log lines to ClickHouse as a process of its own, to be killed: folder, URL and edge id as arguments.
import { join } from "node:path";
import { createLogger } from "../../platform/log.ts";
import { openSalts } from "./salts.ts";
import { noShippingCounts, shipLogs } from "./ship.ts";
import { toClickHouse } from "./to-clickhouse.ts";

const [folder = "", url = "", edgeId = ""] = process.argv.slice(2);
const log = createLogger({ role: "fixture", level: "silent" });
const salts = await openSalts({
  path: join(folder, "salts.json"),
  ask: async () => {
    throw new Error("the control plane is away");
  },
  clock: () => new Date(),
  log,
});
const never = new AbortController();
await shipLogs(
  {
    ...{ folder, edgeId: () => edgeId, rotateBytes: 300_000, unsentBytesMax: 1e9, diskFreeBytesMin: 0 },
    destination: toClickHouse({ url, salts, findPlace: () => ({ country: "", asn: 0 }), log }),
    ...{ reopen: () => {}, counts: noShippingCounts(), log },
    pauses: { lookEveryMs: 50, againAfterMs: 30 },
  },
  never.signal,
);
