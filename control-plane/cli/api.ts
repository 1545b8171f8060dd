// Commands that a customer could give ask the API, by the client that its description makes: with EDGEWRIGHT_TOKEN as
// whoever that is, at EDGEWRIGHT_URL; else as the operator of what runs on this machine.
import { z } from "zod";
import { type ApiClient, answerOf, createApiClient } from "../../client/index.ts";
import { readConfig, setting } from "../../platform/config.ts";
import { StartError } from "../../platform/embedded/start-error.ts";
import { withServices } from "./operator.ts";
import type { Environment } from "./running.ts";

const remoteSchema = z.object({
  /** Such as https://cdn.example.com. */
  EDGEWRIGHT_URL: setting.url("http:", "https:").optional(),
  /** An API token. */
  EDGEWRIGHT_TOKEN: z.string().min(1).optional(),
});

export async function withApi<T>(env: Environment, work: (api: ApiClient) => Promise<T>): Promise<T> {
  const { EDGEWRIGHT_URL: url, EDGEWRIGHT_TOKEN: token } = readConfig(remoteSchema, env);
  if (url !== undefined && token !== undefined) return asking(url, () => work(createApiClient({ url, token })));
  if (url !== undefined || token !== undefined) {
    throw new StartError("EDGEWRIGHT_URL and EDGEWRIGHT_TOKEN go together: set both, or none to act on this machine.");
  }
  return withServices(env, async ({ config, services }) => {
    const session = await services.auth.openOperatorSession();
    if (session === undefined) throw new StartError(NO_ADMINISTRATOR);
    const local = `http://127.0.0.1:${config.API_PORT}`;
    try {
      return await asking(local, () => work(createApiClient({ url: local, token: session.token })));
    } finally {
      await session.close();
    }
  });
}

/** The id of what viewers use under this name. */
export async function distributionOf(api: ApiClient, domain: string): Promise<string> {
  const { data } = answerOf(await api.GET("/api/v1/distributions", { params: { query: { domain } } }));
  const [found] = data;
  if (found === undefined) throw new StartError(`This account has no distribution of ${domain}: ${OTHERWISE}.`);
  return found.id;
}

const OTHERWISE =
  "look at its name, or set EDGEWRIGHT_URL and EDGEWRIGHT_TOKEN to ask as a member of the account that has it";

const NO_ADMINISTRATOR =
  "There is no administrator yet: run `edgewright migrate` with ADMIN_EMAIL and ADMIN_PASSWORD set.";

/** What fetch says when nobody is there is for programmers. */
async function asking<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TypeError) || error.message !== "fetch failed") throw error;
    throw new StartError(`Nothing answers at ${url}: start it first, or set EDGEWRIGHT_URL and EDGEWRIGHT_TOKEN.`, {
      cause: error,
    });
  }
}
