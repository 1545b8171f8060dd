// `edgewright report:sync`: takes over now what other providers say of the traffic that they carried; the worker does it every
// 15 minutes by itself. It may be repeated, killed and run twice at once: nothing is counted twice.
import type { Command } from "commander";
import { Option } from "commander";
import { z } from "zod";
import { type ProviderSync, providerNames, SYNC_DAYS_MAX, type SyncProgress } from "../domains/provider/index.ts";
import { answeringCommand, type Terminal } from "./command.ts";
import { withServices } from "./operator.ts";
import { timeAgo } from "./time-ago.ts";

const optionsSchema = z.object({
  from: z.string().optional(),
  provider: z.enum(providerNames).optional(),
  json: z.boolean().optional(),
});

const DAY_MS = 24 * 60 * 60 * 1000;

export function reportSyncCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "report:sync",
    summary: "take over other providers' traffic statistics, as often as you like",
    declare: (command) =>
      command
        .option(
          "--from <time>",
          `as far back as this: a time (2026-05-01, 2026-05-01T12:00Z) or how long ago (36h, 7d; at most ${SYNC_DAYS_MAX}d)`,
        )
        .addOption(new Option("--provider <name>", "this one alone").choices([...providerNames]))
        .hook("preAction", assertFrom),
    async run(_args, options) {
      const asked = optionsSchema.parse(options);
      const from = asked.from === undefined ? undefined : timeAgo(asked.from, new Date());
      const providers = asked.provider === undefined ? providerNames : [asked.provider];
      const progress = asked.json === true || !terminal.output.isTTY ? undefined : showing(terminal);
      return withServices(terminal.env, async ({ services }) => {
        const synced: ProviderSync[] = [];
        for (const provider of providers) {
          synced.push(await services.syncProvider({ provider, from, progress }, new AbortController().signal));
        }
        return { providers: synced };
      });
    },
    present: ({ providers }) => providers.flatMap(describe).join("\n"),
    isFailure: ({ providers }) => providers.some(({ outcome }) => outcome === "failed" || outcome === "partly"),
  });
}

function assertFrom(command: Command): void {
  const { from } = optionsSchema.parse(command.opts());
  const fault = from === undefined ? undefined : fromFault(timeAgo(from, new Date()), new Date());
  if (fault !== undefined) command.error(`--from ${from} ${fault}`);
}

function fromFault(from: Date | undefined, now: Date): string | undefined {
  if (from === undefined) return "is no time: write it as 2026-05-01, 2026-05-01T12:00Z, 36h or 7d.";
  if (from > now) return "lies in the future.";
  const isKept = now.getTime() - from.getTime() <= SYNC_DAYS_MAX * DAY_MS;
  return isKept ? undefined : `is too long ago: values of five minutes are kept for ${SYNC_DAYS_MAX} days.`;
}

/** On one line, which the next one overwrites. */
function showing({ output }: Terminal): (progress: SyncProgress) => void {
  return ({ provider, done, pieces, points }) => {
    output.write(`\r\x1b[K${provider}: ${percent(done, pieces)}, ${counted(points)} values`);
    if (done === pieces) output.write("\r\x1b[K");
  };
}

function describe(synced: ProviderSync): readonly string[] {
  const { provider, outcome, resources, points, error, left_out: leftOut } = synced;
  if (outcome === "not_configured") return [`${provider}: not configured (PUT /providers/${provider}).`];
  if (outcome === "disabled") return [`${provider}: disabled.`];
  if (synced.from === null || synced.to === null) return [`${provider}: nothing is linked to its resources.`];
  const period = `${minutes(synced.from)} to ${minutes(synced.to)} UTC`;
  return [
    `${provider}: ${counted(resources)} ${resources === 1 ? "resource" : "resources"}, ${period}: ${counted(points)} values`,
    `  ${counted(synced.requests)} requests, ${counted(synced.bytes_out)} bytes in that time.`,
    ...(error === null ? [] : [`  ${outcome === "failed" ? "Failed" : "Not all"}: ${error}`]),
    ...leftOut.map((one) => `  Left out: ${one.resource}. ${one.error}`),
  ];
}

function percent(done: number, all: number): string {
  return `${Math.floor((100 * done) / all)} %`;
}

function counted(count: number): string {
  return count.toLocaleString("en");
}

function minutes(time: string): string {
  return time.slice(0, 16).replace("T", " ");
}
