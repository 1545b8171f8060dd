// How the other commands find what `up` runs: a file in the data folder with the settings of the running services.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { readConfig } from "../../platform/config.ts";
import { controlPlaneSchema } from "../config.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const runningSchema = z.record(z.string(), z.string());

function runningFile(dataFolder: string): string {
  return join(dataFolder, "run", "environment.json");
}

export function writeRunning(dataFolder: string, settings: Readonly<Record<string, string>>): void {
  const path = runningFile(dataFolder);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(settings, null, 2), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function forgetRunning(dataFolder: string): void {
  rmSync(runningFile(dataFolder), { force: true });
}

/** The environment of a command: what the caller set, over what `up` wrote when it runs here. */
export function withRunning(env: Environment): Environment {
  const { DATA_DIR: dataFolder } = readConfig(controlPlaneSchema.pick({ DATA_DIR: true }), env);
  const path = runningFile(dataFolder);
  if (!existsSync(path)) return env;
  const running = runningSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
  return running.success ? { ...running.data, ...env } : env;
}
