// A real name server: Knot DNS from Debian's packages, authoritative for the zones it is given, updated by those who have
// its key. Resolvers of tests ask it as if it knew the whole world.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TsigKey } from "../../platform/dns/tsig-key.ts";
import { type Child, startChild } from "../../platform/embedded/child.ts";
import { pickPort } from "../../platform/embedded/ports.ts";
import { createLogger } from "../../platform/log.ts";
import { peerTools } from "./peer.ts";

export interface KnotZone {
  /** `name ttl type data` lines, names relative to the zone; SOA and NS are there already. */
  readonly records?: readonly string[];
  /** May the key change it? Default: it may. */
  readonly takesUpdates?: boolean;
}

export interface Knot {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly address: string;
  stop(): Promise<void>;
}

const log = createLogger({ role: "test", level: "silent" });

export async function startKnot(settings: { zones: Readonly<Record<string, KnotZone>>; key: TsigKey }): Promise<Knot> {
  const command = (await peerTools("knot")).command("knotd");
  const folder = mkdtempSync(join(tmpdir(), "edgewright-knot-"));
  const port = await pickPort();
  try {
    const child = await startServer({ ...settings, command, folder, port });
    return {
      host: "127.0.0.1",
      port,
      address: `127.0.0.1:${port}`,
      async stop() {
        await child.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function startServer(server: {
  zones: Readonly<Record<string, KnotZone>>;
  key: TsigKey;
  command: readonly string[];
  folder: string;
  port: number;
}): Promise<Child> {
  const { zones, folder, command } = server;
  for (const [name, { records = [] }] of Object.entries(zones)) {
    writeFileSync(join(folder, `${name}.zone`), zoneFile(name, records));
  }
  const configFile = join(folder, "knot.conf");
  writeFileSync(configFile, configuration(server));
  return startChild({
    name: "knot",
    command: [...command, "-c", configFile],
    folder,
    logFile: join(folder, "knot.log"),
    ready: { kind: "line", pattern: /server started/ },
    log,
  });
}

function zoneFile(name: string, records: readonly string[]): string {
  return [
    `$ORIGIN ${name}.`,
    `@ 60 SOA ns.${name}. hostmaster.${name}. 1 3600 600 86400 60`,
    `@ 60 NS ns.${name}.`,
    "ns 60 A 127.0.0.1",
    ...records,
    "",
  ].join("\n");
}

function configuration({ zones, key, folder, port }: Parameters<typeof startServer>[0]): string {
  const lines = [
    "server:",
    `  listen: 127.0.0.1@${port}`,
    `  rundir: ${folder}`,
    "database:",
    `  storage: ${folder}`,
    "log:",
    "  - target: stdout",
    "    any: info",
    "key:",
    `  - id: ${key.name}`,
    `    algorithm: ${key.algorithm}`,
    `    secret: ${key.secret.toString("base64")}`,
    "acl:",
    "  - id: updates",
    `    key: ${key.name}`,
    "    action: update",
    "zone:",
  ];
  for (const [name, { takesUpdates = true }] of Object.entries(zones)) {
    lines.push(`  - domain: ${name}`, `    storage: ${folder}`, `    file: ${name}.zone`, "    semantic-checks: off");
    if (takesUpdates) lines.push("    acl: updates");
  }
  return `${lines.join("\n")}\n`;
}
