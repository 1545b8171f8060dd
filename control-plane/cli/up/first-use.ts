// What a first start makes: the administrator, the edge group of this machine, and the token by which its edge joins.
import { randomBytes } from "node:crypto";
import { type EdgeGroupSettings, edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import type { Logger } from "../../../platform/log.ts";
import type { ControlPlaneConfig } from "../../config.ts";
import { inTransaction } from "../../database/transaction.ts";
import { findGroups } from "../../domains/edge-node/index.ts";
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
      const known = (await findGroups(tx)).find(({ name }) => name === LOCAL_GROUP);
      const group = await services.edgeGroups.ensure(tx, {
        name: LOCAL_GROUP,
        settings: localGroupSettings(settings, known?.settings),
      });
      return services.edgeNodes.createEnrolmentToken(tx, group.id);
    });
    const isNews = made !== undefined && settings.ADMIN_PASSWORD === undefined;
    return { enrolmentToken: token, adminEmail: email, adminPassword: isNews ? password : undefined };
  } finally {
    await connections.part.stop();
  }
}

/** Where it listens is said at the start; whatever else an operator has set stays. */
function localGroupSettings(settings: UpSettings, known: EdgeGroupSettings | undefined): EdgeGroupSettings {
  const { LISTEN_HOST: host, EDGE_HTTP_PORT: http, EDGE_HTTPS_PORT: https } = settings;
  return edgeGroupSettingsSchema.parse({ ...known, listeners: { ...known?.listeners, host, http, https } });
}
