// An embedded Redis: append-only file, loopback, password.
import { join } from "node:path";
import { startChild } from "./child.ts";
import { keepPassword } from "./credentials.ts";
import { onFreePort } from "./ports.ts";
import { type EmbeddedService, type EmbeddedSettings, makeFolder } from "./service.ts";
import { superviseChild } from "./supervise.ts";
import { writeWholeFile } from "./whole-file.ts";

/** `command` is the argv of redis-server: of the Debian tools, or an installed one. */
export async function startRedis(wanted: EmbeddedSettings & { command: readonly string[] }): Promise<EmbeddedService> {
  const settings = makeFolder(wanted);
  const { folder, log } = settings;
  const password = keepPassword(join(folder, "password"));
  return onFreePort(join(folder, "port"), async (port) => {
    const configFile = writeConfig(folder, { port, password, durability: settings.durability ?? "full" });
    const part = await superviseChild({ name: "redis", log, start: () => startServer(settings, configFile) });
    return { url: `redis://:${password}@127.0.0.1:${port}/0`, part };
  });
}

function startServer(settings: EmbeddedSettings & { command: readonly string[] }, configFile: string) {
  return startChild({
    ...settings,
    name: "redis",
    command: [...settings.command, configFile],
    logFile: join(settings.folder, "redis.log"),
    ready: { kind: "line", pattern: /Ready to accept connections/ },
  });
}

/** In a file, since other users of the machine can read a command line. */
function writeConfig(folder: string, options: { port: number; password: string; durability: "full" | "none" }): string {
  const file = join(folder, "redis.conf");
  const lines = [
    "bind 127.0.0.1",
    `port ${options.port}`,
    `requirepass ${options.password}`,
    "dir .",
    'save ""',
    // A queue must refuse rather than forget.
    "maxmemory-policy noeviction",
    `appendonly ${options.durability === "full" ? "yes" : "no"}`,
    "appendfsync everysec",
    'logfile ""',
    "daemonize no",
  ];
  writeWholeFile(file, `${lines.join("\n")}\n`);
  return file;
}
