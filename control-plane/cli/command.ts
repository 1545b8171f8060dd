// What every command has: --help, --json, one way to print, and exit codes: 0 done, 1 failed, 2 wrong use.
import { Command } from "commander";
import { z } from "zod";
import { ApiProblem } from "../../client/index.ts";
import { ConfigError } from "../../platform/config.ts";
import { StartError } from "../../platform/embedded/start-error.ts";
import { Problem, type ProblemBody } from "../../platform/problem.ts";
import { SealError } from "../../platform/seal.ts";
import { outageOf } from "../database/outage.ts";
import type { Environment } from "./running.ts";

export interface Terminal {
  readonly env: Environment;
  readonly output: NodeJS.WriteStream;
}

export const EXIT_FAILED = 1;
export const EXIT_WRONG_USE = 2;

/** A command that answers: as JSON with --json, else as text for a person. */
export function answeringCommand<Answer>(
  terminal: Terminal,
  declaration: {
    name: string;
    summary: string;
    declare?: (command: Command) => void;
    run: (args: readonly string[], options: Readonly<Record<string, unknown>>) => Promise<Answer>;
    present: (answer: Answer, options: Readonly<Record<string, unknown>>) => string;
    /** Whether what is answered is that it failed. */
    isFailure?: (answer: Answer) => boolean;
  },
): Command {
  const command = new Command(declaration.name).description(declaration.summary);
  declaration.declare?.(command);
  command.option("--json", "print the answer as JSON");
  return command.action(async () => {
    const options = command.opts();
    const answer = await declaration.run(command.args, options);
    const text = options.json === true ? JSON.stringify(answer, null, 2) : declaration.present(answer, options);
    terminal.output.write(`${text}\n`);
    if (declaration.isFailure?.(answer) === true) process.exitCode = EXIT_FAILED;
  });
}

/** What a person reads when a command fails; a defect keeps its stack, because somebody must mend it. */
export function explainFailure(error: unknown): string {
  if (error instanceof Problem) return explainProblem(error.body());
  if (error instanceof ApiProblem)
    return explainProblem({ ...error.problem, detail: error.problem.detail ?? error.message });
  if (error instanceof ConfigError || error instanceof StartError) return error.message;
  if (error instanceof SealError)
    return `${error.message}: give the MASTER_KEY (or MASTER_KEY_FILE) that this database was made with.`;
  const away = outageOf(error);
  if (away !== undefined) return `The ${away} does not answer: check that it runs, and ${away.toUpperCase()}_URL.`;
  if (error instanceof z.ZodError) return error.issues.map(({ message }) => message).join("\n");
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function explainProblem({ title, detail, errors = [] }: Partial<ProblemBody>): string {
  const faults = errors.map((fault) => `  ${fault.pointer} ${fault.detail}`);
  return [[title, detail].filter((text) => text !== undefined).join(". "), ...faults].join("\n");
}
