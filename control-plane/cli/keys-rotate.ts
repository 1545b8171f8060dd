// `edgewright keys:rotate`: another master key for everything that is sealed, while all processes go on working.
import type { Command } from "commander";
import { createLogger } from "../../platform/log.ts";
import { answeringCommand, type Terminal } from "./command.ts";
import { type KeyRotation, rotateKeys } from "./key-rotation.ts";
import { withServices } from "./operator.ts";

export function keysRotateCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "keys:rotate",
    summary: "seal all secrets under a new master key (docs/runbooks/keys.md)",
    declare: (command) => command.option("--prune", "add none, and remove the former keys that nothing uses any more"),
    run(_args, { prune, json }) {
      const say = (line: string) => {
        if (json !== true) terminal.output.write(`  ${line}\n`);
      };
      const log = createLogger({ role: "command", level: "error" });
      return withServices(terminal.env, ({ db, config }) =>
        rotateKeys({ db, config, prune: prune === true, now: new Date(), log, say }),
      );
    },
    present,
  });
}

function present({ added, current, rewrapped, former, pruned, next }: KeyRotation): string {
  return [
    ...(added === null ? [] : [`New master key ${added}.`]),
    `${rewrapped} values rewrapped; master key ${current} is the current one.`,
    ...former.map(({ key, values, jobs }) => `Former key ${key}: used by ${values} values and ${jobs} jobs.`),
    ...pruned.map((key) => `Removed ${key}.`),
    next,
  ].join("\n");
}
