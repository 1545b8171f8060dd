// Structured logs: one JSON line per request, job or apply; ids come from the async context, never from arguments.
import { AsyncLocalStorage } from "node:async_hooks";
import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

type LogContext = Readonly<Record<string, string>>;
const context = new AsyncLocalStorage<LogContext>();

/** Every line logged below `run` carries these ids, and those of the contexts around it. */
export function withLogContext<T>(ids: LogContext, run: () => T): T {
  return context.run({ ...context.getStore(), ...ids }, run);
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** What must never reach a log, wherever it stands in a logged object. */
const SECRET_PATHS = [
  "password",
  "token",
  "private_key",
  "secret",
  "authorization",
  "*.password",
  "*.token",
  "*.secret",
];

export function createLogger(options: { role: string; level: LogLevel; destination?: DestinationStream }): Logger {
  return pino(
    {
      level: options.level,
      base: { role: options.role },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => ({ ...context.getStore() }),
      redact: { paths: SECRET_PATHS, censor: "[redacted]" },
      serializers: { error: pino.stdSerializers.err },
    },
    options.destination ?? pino.destination(2),
  );
}
