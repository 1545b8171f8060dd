// Commands on the operator's machine use the services directly, as the platform's administrator.
import { z } from "zod";
import { readConfig } from "../../platform/config.ts";
import { StartError } from "../../platform/embedded/start-error.ts";
import { createLogger } from "../../platform/log.ts";
import { type ControlPlaneConfig, controlPlaneSchema } from "../config.ts";
import type { Database } from "../database/transaction.ts";
import { type Caller, noRequest } from "../http/caller.ts";
import { type Connections, openConnections } from "../roles/connections.ts";
import { createServices, type Services } from "../roles/services.ts";
import type { Environment } from "./running.ts";

export interface Loaded {
  readonly config: ControlPlaneConfig;
  readonly db: Database;
  readonly connections: Connections;
  readonly services: Services;
}

/** The services, for as long as the work takes. */
export async function withServices<T>(env: Environment, work: (loaded: Loaded) => Promise<T>): Promise<T> {
  const config = operatorConfig(env);
  const log = createLogger({ role: "command", level: "error" });
  const connections = await openConnections(config, "command", log);
  try {
    return await work({ config, db: connections.db, connections, services: createServices(config, connections, log) });
  } finally {
    await connections.part.stop();
  }
}

/** The services, and who the administrator is as a caller of them. */
export function asOperator<T>(
  env: Environment,
  work: (loaded: Loaded & { operator: Caller }) => Promise<T>,
): Promise<T> {
  return withServices(env, async (loaded) => work({ ...loaded, operator: await operatorOf(loaded.services) }));
}

function operatorConfig(env: Environment): ControlPlaneConfig {
  const { DATABASE_URL: url } = readConfig(
    z.object({ DATABASE_URL: controlPlaneSchema.shape.DATABASE_URL.optional() }),
    env,
  );
  if (url !== undefined) return readConfig(controlPlaneSchema, env);
  throw new StartError(
    "Nothing runs on this data folder: `npm start` first, or set DATABASE_URL and the other services' URLs.",
  );
}

async function operatorOf(services: Services): Promise<Caller> {
  const found = await services.auth.findOperator();
  if (found === undefined)
    throw new StartError(
      "There is no administrator yet: run `edgewright migrate` with ADMIN_EMAIL and ADMIN_PASSWORD set.",
    );
  return {
    userId: found.user.id,
    accountId: found.membership.accountId,
    accountRole: found.membership.role,
    platformRole: found.user.platformRole,
    scopes: "all",
    ...noRequest,
  };
}
