// `edgewright agent:start`: reads the settings, starts the agent, stops it on a signal.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ConfigError, readConfig } from "../platform/config.ts";
import { installedNginx, type NginxInstallation, nginxInstallationSchema } from "../platform/embedded/nginx.ts";
import { StartError } from "../platform/embedded/start-error.ts";
import type { Part } from "../platform/lifecycle.ts";
import { createLogger } from "../platform/log.ts";
import { startAgent } from "./agent.ts";
import { parseJson } from "./apply/document.ts";
import { agentSchema } from "./config.ts";
import { ControlPlaneRefusal } from "./control-plane-client.ts";

const luaFolder = fileURLToPath(new URL("../openresty/lua", import.meta.url));

async function run(): Promise<void> {
  const config = readConfig(agentSchema, process.env);
  const log = createLogger({ role: "edge-agent", level: config.LOG_LEVEL });
  const installation = await openInstallation(config.NGINX_INSTALLATION);
  const stopping = new AbortController();
  let agent: Part | undefined;

  const stop = (name: NodeJS.Signals) => {
    if (stopping.signal.aborted) return;
    log.info({ signal: name }, "the edge agent stops");
    stopping.abort();
    agent?.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error }, "the edge agent did not stop cleanly");
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  agent = await startAgent({ config, installation, luaFolder, log, signal: stopping.signal });
  // The signal came while it started.
  if (stopping.signal.aborted) await agent.stop();
}

async function openInstallation(text: string): Promise<NginxInstallation> {
  const parsed = nginxInstallationSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  if (existsSync(text)) return await installedNginx(text);
  throw new ConfigError(
    "NGINX_INSTALLATION: must be the path of an OpenResty's nginx, or the JSON that `edgewright up` gives.",
  );
}

function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof StartError) return error.message;
  if (error instanceof ControlPlaneRefusal) return `The control plane refused this edge: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

run().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
});
