// `edgewright tinker`: a REPL with the services loaded, acting as the operator.
import { once } from "node:events";
import { Command } from "commander";
import type { Terminal } from "./command.ts";
import { asOperator } from "./operator.ts";

export function tinkerCommand(terminal: Terminal): Command {
  return new Command("tinker").description("a REPL with the services loaded").action(() =>
    asOperator(terminal.env, async (loaded) => {
      terminal.output.write(
        `Loaded: ${Object.keys(loaded).join(", ")}; services: ${Object.keys(loaded.services).join(", ")}\n`,
      );
      // Loaded here alone: node:repl brings node:domain, which makes every promise of a process dearer.
      const { start } = await import("node:repl");
      const repl = start({ prompt: "edgewright> ", output: terminal.output, input: process.stdin });
      Object.assign(repl.context, loaded);
      await once(repl, "exit");
    }),
  );
}
