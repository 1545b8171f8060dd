// What a person sees while `up` works: a line per step with the time it took; on a terminal, what is going on right now.
import type { Progress } from "../../../platform/embedded/start-error.ts";

export interface Steps {
  /** Runs one step; its line appears when it is done. Steps may run side by side. */
  step<T>(name: string, run: (progress: Progress) => Promise<T>, describe: (result: T) => string): Promise<T>;
  say(line: string): void;
}

const NAME_WIDTH = 14;
const TEXT_WIDTH = 58;

export function createSteps(output: NodeJS.WriteStream): Steps {
  const erase = output.isTTY ? "\r\x1b[K" : "";
  const say = (line: string) => {
    output.write(`${erase}${line}\n`);
  };
  return {
    say,
    async step(name, run, describe) {
      const startedAt = performance.now();
      const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
      const result = await run((message) => {
        if (output.isTTY) output.write(`${erase}  ${name.padEnd(NAME_WIDTH)}${message} …`);
        else say(`  ${name.padEnd(NAME_WIDTH)}${message} …`);
      });
      say(`  ${name.padEnd(NAME_WIDTH)}${describe(result).padEnd(TEXT_WIDTH)}${seconds().padStart(7)}`);
      return result;
    },
  };
}
