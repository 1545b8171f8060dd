// Structured logs: one JSON line per request, job or apply; ids come from the async context, never from arguments.
import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import { redactFields } from "./redaction.ts";
import { createScope } from "./scope.ts";

/** Without pino's children, whose own fields pass nobody who looks for secrets: ids come from the context. */
export type Logger = Pick<PinoLogger, "debug" | "info" | "warn" | "error">;

type LogContext = Readonly<Record<string, string>>;
const context = createScope<LogContext>();

/** Every line logged below `run` carries these ids, and those of the contexts around it. */
export function withLogContext<T>(ids: LogContext, run: () => Promise<T>): Promise<T> {
  return context.run({ ...context.read(), ...ids }, run);
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export function createLogger(options: { role: string; level: LogLevel; destination?: DestinationStream }): Logger {
  return pino(
    {
      level: options.level,
      base: { role: options.role },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redactFields },
      mixin: () => ({ ...context.read() }),
      // Errors are serialized where they are redacted.
      serializers: { err: (error) => error },
    },
    options.destination ?? standardError(),
  );
}

const FLUSH_EVERY_MS = 100;
const FLUSH_BYTES = 12 * 1024;

/** Lines go out together, a tenth of a second late at most: a write for each would cost more than what it tells of. */
function standardError(): DestinationStream {
  return pino.destination({ dest: 2, sync: true, minLength: FLUSH_BYTES, periodicFlush: FLUSH_EVERY_MS });
}
