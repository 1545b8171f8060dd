// Where this agent sends its log lines, as its settings say.
import { join } from "node:path";
import type { Logger } from "../../platform/log.ts";
import { openPlaces } from "../access-log/places.ts";
import type { AgentConfig } from "../config.ts";
import type { ControlPlane } from "../control-plane-client.ts";
import { type LogDestination, toControlPlane } from "./destination.ts";
import { openSalts, type Salts } from "./salts.ts";
import { toClickHouse } from "./to-clickhouse.ts";

export async function openLogDestination(
  config: Pick<AgentConfig, "LOG_CLICKHOUSE_URL" | "GEOIP_DB" | "GEOIP_ASN_DB">,
  { home, controlPlane, log }: { home: string; controlPlane: ControlPlane; log: Logger },
): Promise<{ readonly destination: LogDestination; readonly salts: Salts | undefined }> {
  const url = config.LOG_CLICKHOUSE_URL;
  if (url === undefined) return { destination: toControlPlane(controlPlane), salts: undefined };
  const path = join(home, "logs", "salts.json");
  const salts = await openSalts({ path, ask: controlPlane.logSalts, clock: () => new Date(), log });
  return { destination: toClickHouse({ url, salts, findPlace: openPlaces(config), log }), salts };
}
