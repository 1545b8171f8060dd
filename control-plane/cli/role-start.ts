// One role per process: `server:start`, `worker:start`, `schedule:start`, for those who run many machines.
import { Command } from "commander";
import { readConfig } from "../../platform/config.ts";
import { type Part, startParts } from "../../platform/lifecycle.ts";
import { createLogger, type Logger } from "../../platform/log.ts";
import { type ControlPlaneConfig, controlPlaneSchema } from "../config.ts";
import { type RoleName, startRoles } from "../main.ts";
import { startHealth } from "../roles/health.ts";
import type { Terminal } from "./command.ts";
import { stopRequested } from "./stop-requested.ts";

const commands: readonly { name: string; summary: string; role: RoleName }[] = [
  { name: "server:start", summary: "run the API", role: "api" },
  { name: "worker:start", summary: "run the worker: compiles changes and signs what edges run", role: "worker" },
  { name: "schedule:start", summary: "run the scheduler: one is enough, more do no harm", role: "scheduler" },
];

export function roleCommands(terminal: Terminal): readonly Command[] {
  return commands.map(({ name, summary, role }) =>
    new Command(name).description(`${summary} (settings: environment or config.yaml)`).action(async () => {
      const config = readConfig(controlPlaneSchema, terminal.env);
      const log = createLogger({ role, level: config.LOG_LEVEL });
      const asked = stopRequested();
      const parts = await startParts([
        () => startRoles([role], config, () => log),
        ...healthStarters(role, config, log),
      ]);
      log.info("started");
      const signal = await asked;
      log.info({ signal }, "stopping");
      await parts.stop();
      log.info("stopped");
    }),
  );
}

/** The API answers on its own port. */
function healthStarters(role: RoleName, config: ControlPlaneConfig, log: Logger): readonly (() => Promise<Part>)[] {
  const { HEALTH_PORT: port, LISTEN_HOST: host } = config;
  return role === "api" || port === undefined ? [] : [() => startHealth({ host, port, log })];
}
