// `edgewright tinker`: a REPL with the services loaded, acting as the operator.
import { once } from "node:events";
import { start } from "node:repl";
import { Command } from "commander";
import type { Terminal } from "./command.ts";
import { asOperator } from "./operator.ts";

export function tinkerCommand(terminal: Terminal): Command {
  return new Command("tinker").description("a REPL with the services loaded").action(() =>
    asOperator(terminal.env, async (loaded) => {
      terminal.output.write(
        `Loaded: ${Object.keys(loaded).join(", ")}; services: ${Object.keys(loaded.services).join(", ")}\n`,
      );
      const repl = start({ prompt: "edgewright> ", output: terminal.output, input: process.stdin });
      Object.assign(repl.context, loaded);
      await once(repl, "exit");
    }),
  );
}
