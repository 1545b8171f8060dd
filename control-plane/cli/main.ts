// `edgewright`: the one program with all commands. The only file of the control plane that reads process.env and argv.
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { z } from "zod";
import { agentStartCommand } from "./agent-start.ts";
import { cdnDebugCommand } from "./cdn-debug.ts";
import { EXIT_FAILED, EXIT_WRONG_USE, explainFailure, type Terminal } from "./command.ts";
import { domainCreateCommand } from "./domain-create.ts";
import { domainValidateCommand } from "./domain-validate.ts";
import { edgeEnrolCommand } from "./edge-enrol.ts";
import { edgesCommand } from "./edges.ts";
import { jobsFailedCommand } from "./jobs-failed.ts";
import { keysRotateCommand } from "./keys-rotate.ts";
import { migrateCommand } from "./migrate.ts";
import { purgeCommand } from "./purge.ts";
import { reportCommand } from "./report.ts";
import { reportSyncCommand } from "./report-sync.ts";
import { roleCommands } from "./role-start.ts";
import { withRunning } from "./running.ts";
import { tinkerCommand } from "./tinker.ts";
import { upCommand } from "./up/up.ts";

const { version } = z.object({ version: z.string() }).parse(createRequire(import.meta.url)("../../package.json"));

const terminal: Terminal = { env: process.env, output: process.stdout };
// Looked up when a command asks, so that a fault in config.yaml is that command's.
const beside: Terminal = {
  get env() {
    return withRunning(process.env);
  },
  output: process.stdout,
};

const program = new Command("edgewright")
  .description("A self-hostable CDN and video platform.")
  .version(version)
  .showHelpAfterError()
  .addCommand(upCommand(terminal));
for (const command of roleCommands(terminal)) program.addCommand(command);
program
  .addCommand(agentStartCommand())
  .addCommand(migrateCommand(beside))
  .addCommand(domainCreateCommand(beside))
  .addCommand(domainValidateCommand(beside))
  .addCommand(purgeCommand(beside))
  .addCommand(reportSyncCommand(beside))
  .addCommand(cdnDebugCommand(beside))
  .addCommand(reportCommand(beside))
  .addCommand(edgeEnrolCommand(beside))
  .addCommand(edgesCommand(beside))
  .addCommand(jobsFailedCommand(beside))
  .addCommand(keysRotateCommand(beside))
  .addCommand(tinkerCommand(beside));
for (const command of program.commands) command.exitOverride();
program.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_WRONG_USE;
  } else {
    process.stderr.write(`${explainFailure(error)}\n`);
    process.exitCode = EXIT_FAILED;
  }
}
