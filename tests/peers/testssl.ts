// testssl.sh (Debian's package): asks a TLS server everything, and judges it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { DebianTools } from "../../platform/embedded/debian.ts";
import { runProgram } from "../../platform/embedded/program.ts";
import { peerTools } from "./peer.ts";

const findingSchema = z.object({ id: z.string(), severity: z.string(), finding: z.string() });
export type Finding = z.output<typeof findingSchema>;

export interface Tested {
  readonly host: string;
  /** On this machine. */
  readonly port: number;
  /** PEM file: the authority of its certificate. */
  readonly authority: string;
  /** An empty folder. */
  readonly folder: string;
}

const WITHIN_MS = 900_000;
/** What the script calls by name. */
const HELPERS = ["dig", "hexdump", "openssl"];

/** All that it says, in its order. */
export async function testssl({ host, port, authority, folder }: Tested): Promise<readonly Finding[]> {
  const tools = await peerTools("testssl.sh");
  const report = join(folder, "report.json");
  const wanted = ["--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--add-ca", authority];
  const command = ["bash", tools.path("usr/bin/testssl"), ...wanted, "--jsonfile", report, `${host}:${port}`];
  const env = {
    PATH: `${await helpersIn(join(folder, "bin"), tools)}:/usr/bin:/bin`,
    TESTSSL_INSTALL_DIR: tools.path("etc/testssl"),
    LANG: "C",
    TERM: "dumb",
  };
  const { code, output } = await runProgram(command, { timeoutMs: WITHIN_MS, env, folder });
  const text = await readFile(report, "utf8").catch(() => undefined);
  // Its code is the number of its findings; above 240 it could not do its work.
  if (text === undefined || code === null || code > 240) throw new Error(`testssl.sh ended with ${code}: ${output}`);
  return z.array(findingSchema).parse(JSON.parse(text));
}

/** A folder with the programs under their names. */
async function helpersIn(folder: string, tools: DebianTools): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of HELPERS) {
    const command = tools.command(name).map((word) => `'${word}'`);
    await writeFile(join(folder, name), `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`, { mode: 0o755 });
  }
  return folder;
}
