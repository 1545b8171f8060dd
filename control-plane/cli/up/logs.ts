// What the roles of `up` have to say: JSON lines in one file of bounded size. The terminal belongs to the person.
import { join } from "node:path";
import { openOutputFile } from "../../../platform/embedded/output-file.ts";
import { createLogger, type Logger, type LogLevel } from "../../../platform/log.ts";

/** Makes the loggers of all roles, which share DATA_DIR/logs/edgewright.log. */
export function openLogs(dataDir: string, level: LogLevel): (role: string) => Logger {
  const file = openOutputFile(join(dataDir, "logs", "edgewright.log"));
  // The file ends each line itself.
  const destination = { write: (line: string) => file.write(line.replace(/\n$/, "")) };
  return (role) => createLogger({ role, level, destination });
}
