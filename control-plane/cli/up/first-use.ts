// What a first start makes: the administrator, the edge group of this machine, and the token by which its edge joins.
import { randomBytes } from "node:crypto";
import { edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import type { Logger } from "../../../platform/log.ts";
import type { ControlPlaneConfig } from "../../config.ts";
import { inTransaction } from "../../database/transaction.ts";
import { openConnections } from "../../roles/connections.ts";
import { createServices } from "../../roles/services.ts";
import type { UpSettings } from "./settings.ts";

export interface FirstUse {
  readonly enrolmentToken: string;
  readonly adminEmail: string;
  /** Only when it was made just now: nobody can read it again. */
  readonly adminPassword: string | undefined;
}

/** The edge group of this machine. */
export const LOCAL_GROUP = "local";

export async function prepareFirstUse(
  config: ControlPlaneConfig,
  settings: UpSettings,
  log: Logger,
): Promise<FirstUse> {
  const connections = await openConnections(config, "up", log);
  try {
    const services = createServices(config, connections, log);
    const email = settings.ADMIN_EMAIL ?? `admin@${config.PLATFORM_ZONE}`;
    const password = settings.ADMIN_PASSWORD ?? `${randomBytes(12).toString("base64url")}a1`;
    const made = await services.auth.ensureAdministrator({ email, password });
    const { token } = await inTransaction(connections.db, async (tx) => {
      const group = await services.edgeNodes.ensureGroup(tx, {
        name: LOCAL_GROUP,
        settings: localGroupSettings(settings),
      });
      return services.edgeNodes.createEnrolmentToken(tx, group.id);
    });
    const isNews = made !== undefined && settings.ADMIN_PASSWORD === undefined;
    return { enrolmentToken: token, adminEmail: email, adminPassword: isNews ? password : undefined };
  } finally {
    await connections.part.stop();
  }
}

function localGroupSettings(settings: UpSettings) {
  const wildcard = settings.LISTEN_HOST === "0.0.0.0" || settings.LISTEN_HOST === "::";
  return edgeGroupSettingsSchema.parse({
    listeners: {
      host: wildcard ? "*" : settings.LISTEN_HOST,
      http: settings.EDGE_HTTP_PORT,
      https: settings.EDGE_HTTPS_PORT,
    },
  });
}
