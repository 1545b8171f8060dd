// wrk, which asks for URLs as fast as they are answered, over connections that stay open.
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { PLAIN_ENVIRONMENT, runProgram } from "../../platform/embedded/program.ts";
import { peerTools } from "./peer.ts";

export interface Load {
  /** Whatever its host is called, this machine is asked. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  readonly core: number;
  /** Each request asks for a URL of its own below this path; default: all for the one. */
  readonly below?: string;
}

const reportSchema = z.object({
  requests: z.int(),
  seconds: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  failed: z.int(),
});
export type LoadReport = z.output<typeof reportSchema>;

const SCRIPT = fileURLToPath(new URL("wrk.lua", import.meta.url));
const END_WITHIN_MS = 10_000;

/** Rejects when a single request had no success. */
export async function runWrk({ url, headers, connections, seconds, core, below }: Load): Promise<LoadReport> {
  const tools = await peerTools("wrk");
  const lines = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const command = [
    ...["taskset", "--cpu-list", String(core), ...tools.command("wrk")],
    ...["-t1", `-c${connections}`, `-d${seconds}s`, "-s", SCRIPT, ...lines, url],
  ];
  const { output } = await runProgram(command, {
    timeoutMs: seconds * 1000 + END_WITHIN_MS,
    env: { ...PLAIN_ENVIRONMENT, ...(below === undefined ? {} : { WRK_BELOW: below }) },
  });
  const line = output.split("\n").find((text) => text.startsWith("{"));
  if (line === undefined) throw new Error(`wrk measured nothing: ${output}`);
  const report = reportSchema.parse(JSON.parse(line));
  if (report.failed > 0) throw new Error(`${report.failed} of ${report.requests} requests for ${url} failed`);
  return report;
}
