// What /ready looks at, each by its name.
import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import type { ControlPlaneConfig } from "../config.ts";
import { clickHouseDependency } from "../database/clickhouse.ts";
import type { Dependency } from "../http/server.ts";
import type { Connections } from "./connections.ts";

export function dependenciesOf(
  config: ControlPlaneConfig,
  { db, redis, clickhouse, storage }: Connections,
): readonly Dependency[] {
  return [
    { name: "database", check: async () => void (await db.raw("select 1")) },
    // Without it reads and jobs are slower, not wrong.
    { name: "redis", optional: true, check: async () => void (await redis.ping()) },
    clickHouseDependency(clickhouse),
    { name: "object storage", check: (signal) => storage.check(signal) },
    ...certificateAuthority(config),
  ];
}

/** Its directory must answer; what is served already does not need it. */
function certificateAuthority(config: ControlPlaneConfig): readonly Dependency[] {
  const { ACME_DIRECTORY_URL: directory, ACME_CA_FILE: file } = config;
  if (directory === undefined) return [];
  const dispatcher = new Agent(file === undefined ? {} : { connect: { ca: readFileSync(file) } });
  return [
    {
      name: "certificate authority",
      optional: true,
      async check(signal) {
        // RFC 8555 §6.1: an ACME server may refuse who has none.
        const headers = { "user-agent": "edgewright" };
        const { statusCode, body } = await request(directory, { dispatcher, signal, headers });
        await body.dump();
        if (statusCode !== 200) throw new Error(`it answers ${statusCode}`);
      },
    },
  ];
}
