// Configuration is parsed once, at the door of a process: `config.yaml` first, variables over it, all faults at once.
import { existsSync, readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import { z } from "zod";

export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings that `schema` names (upper case, as in the environment); others are left to other rooms. */
export function readConfig<Schema extends z.ZodObject>(schema: Schema, env: Environment): z.output<Schema> {
  const fromFile = readConfigFile(env);
  const raw: Record<string, unknown> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = env[name] === "" ? undefined : env[name];
    const chosen = value ?? fromFile[name];
    if (chosen !== undefined) raw[name] = chosen;
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
  throw new ConfigError(
    `The configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${faults.join("\n")}`,
  );
}

function readConfigFile(env: Environment): Record<string, string> {
  const path = env.EDGEWRIGHT_CONFIG ?? "config.yaml";
  if (!existsSync(path)) {
    if (env.EDGEWRIGHT_CONFIG !== undefined) throw new ConfigError(`EDGEWRIGHT_CONFIG: there is no file ${path}.`);
    return {};
  }
  // Failsafe: every value is the text that was written, so that a key of digits stays a key.
  const content: unknown = parseYaml(readFileSync(path, "utf8"), { schema: "failsafe" });
  const flat = z.record(z.string(), z.string()).safeParse(content ?? {});
  if (!flat.success) throw new ConfigError(`${path}: must be a flat map of setting names to values.`);
  return Object.fromEntries(Object.entries(flat.data).map(([name, value]) => [name.toUpperCase(), value]));
}

// The few shapes that settings have. Each says what would be right.
export const setting = {
  port: z.coerce.number({ error: "must be a port number, 1 to 65535." }).int().min(1).max(65535),
  flag: z.enum(["true", "false"], { error: "must be true or false." }).transform((text) => text === "true"),
  url: (...protocols: string[]) =>
    z.string().refine((text) => protocols.includes(protocolOf(text)), {
      error: `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(" or ")}.`,
    }),
  /** What stands between commas; `error` says what each entry must be. */
  list: (isRight: (entry: string) => boolean, error: string) =>
    z
      .string()
      .transform((text) => text.split(",").flatMap((entry) => (entry.trim() === "" ? [] : [entry.trim()])))
      .pipe(z.array(z.string().refine(isRight, { error: ({ input }) => `${input} must be ${error}` }))),
  seconds: z.coerce.number({ error: "must be a number of seconds." }).min(0),
  countFromZero: z.coerce.number({ error: "must be a whole number from 0 on." }).int().min(0),
  count: z.coerce.number({ error: "must be a whole number of at least 1." }).int().min(1),
};

function protocolOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : "";
}
