// `edgewright agent:start`: reads the settings, starts the agent, stops it on a signal.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ConfigError, readConfig } from "../platform/config.ts";
import { installedNginx, type NginxInstallation, nginxInstallationSchema } from "../platform/embedded/nginx.ts";
import { StartError } from "../platform/embedded/start-error.ts";
import { createLogger } from "../platform/log.ts";
import { startAgent } from "./agent.ts";
import { parseJson } from "./apply/document.ts";
import { agentSchema } from "./config.ts";
import { ControlPlaneRefusal } from "./control-plane-client.ts";

const luaFolder = fileURLToPath(new URL("../openresty/lua", import.meta.url));

const HELP = `Usage: edgewright agent:start

Runs the agent of this machine's edge: it starts nginx, follows the feed of its edge group and sends the access log.
Settings are variables, or lines of config.yaml:

${Object.keys(agentSchema.shape)
  .map((name) => `  ${name}`)
  .join("\n")}
`;

async function run(stopping: AbortController): Promise<void> {
  const config = readConfig(agentSchema, process.env);
  const log = createLogger({ role: "edge-agent", level: config.LOG_LEVEL });
  const installation = await openInstallation(config.NGINX_INSTALLATION);
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener("abort", () => resolve());
  });
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.once(name, () => {
      log.info({ signal: name }, "the edge agent stops");
      stopping.abort();
    });
  }
  const agent = await startAgent({ config, installation, luaFolder, log, signal: stopping.signal });
  await stopped;
  await agent.stop();
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

const unknown = process.argv.slice(3).find((argument) => argument !== "--help");
if (unknown !== undefined) {
  process.stderr.write(`${unknown} is nothing that agent:start knows.\n\n${HELP}`);
  process.exitCode = 2;
} else if (process.argv.includes("--help")) {
  process.stdout.write(HELP);
} else {
  const stopping = new AbortController();
  run(stopping).then(
    () => process.exit(0),
    (error: unknown) => {
      // Stopped while it waited to be enrolled: nothing is wrong.
      if (stopping.signal.aborted) process.exit(0);
      process.stderr.write(`${explain(error)}\n`);
      process.exit(1);
    },
  );
}
