// `edgewright report [DOMAIN] --last 24h`: GET /reports/traffic and /reports/top, drawn in the terminal.
import { type Command, Option } from "commander";
import { z } from "zod";
import { type ApiClient, answerOf, type Schemas, textOf } from "../../client/index.ts";
import { isTimeZone, metrics, type TerminalStyle, trafficGroups } from "../domains/report/index.ts";
import { distributionOf, withApi } from "./api.ts";
import { answeringCommand, type Terminal } from "./command.ts";
import { type DomainReport, describeReport } from "./report-text.ts";
import { timeAgo } from "./time-ago.ts";

const TOP_URLS = 5;
const SHOWN_GROUPS = 5;

const optionsSchema = z.object({
  last: z.string().transform((last, context) => {
    const period = periodOf(last, new Date());
    if (period === undefined) context.addIssue("--last must be a time such as 90m, 24h or 30d.");
    return period ?? z.NEVER;
  }),
  metric: z.enum(metrics),
  by: z.enum(trafficGroups).optional(),
  timezone: z.string().refine(isTimeZone, { error: "--timezone must be a name such as Europe/Berlin." }),
  csv: z.boolean().default(false),
});

type Traffic = Schemas["TrafficReport"];

type Answer = { readonly csv: string } | DomainReport;

export function reportCommand(terminal: Terminal): Command {
  return answeringCommand<Answer>(terminal, {
    name: "report",
    summary: "draw the traffic of a domain, and say what it comes to",
    declare: (command) =>
      command
        .argument("[domain]", "the name that viewers use; without it, all of the account's")
        .addOption(new Option("--last <period>", "such as 90m, 24h or 30d").default("24h"))
        .addOption(new Option("--metric <name>", "what is drawn").choices(metrics).default("requests"))
        .addOption(new Option("--by <group>", `the ${SHOWN_GROUPS} largest, told apart`).choices(trafficGroups))
        .addOption(new Option("--timezone <name>", "on whose clocks").default(hereZone(), "this machine's"))
        .option("--ascii", "draw with plain characters")
        .addOption(new Option("--csv", "print the numbers as CSV").conflicts("json"))
        .hook("preAction", assertOptions),
    run: async ([domain], given) => {
      const options = optionsSchema.parse(given);
      const query = { ...options.last, timezone: options.timezone };
      return withApi(terminal.env, async (api): Promise<Answer> => {
        const scope = domain === undefined ? {} : { distribution_id: await distributionOf(api, domain) };
        const asked = { ...query, ...scope };
        if (options.csv) return { csv: await csvOf(api, { ...asked, ...toldApart(options), metrics: options.metric }) };
        const report = await read(api, asked, options);
        return { domain: domain ?? null, metric: options.metric, ...report };
      });
    },
    present: (answer, { ascii }) =>
      "csv" in answer ? answer.csv.trimEnd() : describeReport(answer, styleOf(terminal, ascii === true)),
  });
}

/** Before it does anything: what it cannot read is wrong use. */
function assertOptions(command: Command): void {
  const { error } = optionsSchema.safeParse(command.opts());
  if (error !== undefined) command.error(error.issues.map(({ message }) => message).join("\n"));
}

type Group = NonNullable<z.output<typeof optionsSchema>["by"]>;
type Apart = { group_by?: Group; limit?: number };
type Query = { from: string; to: string; interval: Traffic["interval"]; timezone: string; distribution_id?: string };
type Options = z.output<typeof optionsSchema>;

const SUMMARY =
  "requests,bytes,bandwidth,hit_ratio,byte_hit_ratio,status_4xx,status_5xx,error_rate,ttfb_p50,ttfb_p95,ttfb_p99,visitors";

async function read(api: ApiClient, query: Query, { metric, by }: Options) {
  const traffic = async (more: Apart & { metrics: string }) =>
    answerOf(await api.GET("/api/v1/reports/traffic", { params: { query: { ...query, ...more } } }));
  const { interval: _, timezone: __, ...period } = query;
  const top = api.GET("/api/v1/reports/top", { params: { query: { ...period, by: "url", limit: TOP_URLS } } });
  const [whole, apart, urls] = await Promise.all([
    traffic({ metrics: `${metric},${SUMMARY}` }),
    by === undefined ? null : traffic({ metrics: metric, ...toldApart({ by }) }),
    top,
  ]);
  return {
    traffic: whole,
    groups: apart === null || by === undefined ? null : { by, traffic: apart },
    top_urls: answerOf(urls),
  };
}

function toldApart({ by }: Pick<Options, "by">): Apart {
  return by === undefined ? {} : { group_by: by, limit: SHOWN_GROUPS };
}

async function csvOf(api: ApiClient, query: Query & Apart & { metrics: string }): Promise<string> {
  const asked = { params: { query: { ...query, format: "csv" as const } }, parseAs: "text" as const };
  return textOf(await api.GET("/api/v1/reports/traffic", asked));
}

const HOUR_MS = 3_600_000;
/** Up to this long, so that there is about a point for each column of a terminal. */
const INTERVALS = [
  ["minute", 2 * HOUR_MS],
  ["5minutes", 12 * HOUR_MS],
  ["hour", 7 * 24 * HOUR_MS],
  ["day", Number.POSITIVE_INFINITY],
] as const;

/** Undefined: it is no time that has passed. */
function periodOf(last: string, to: Date): Pick<Query, "from" | "to" | "interval"> | undefined {
  const from = /^\d/.test(last) ? timeAgo(last, to) : undefined;
  if (from === undefined || from >= to) return undefined;
  const lengthMs = to.getTime() - from.getTime();
  const [interval] = INTERVALS.find(([, longestMs]) => lengthMs <= longestMs) ?? INTERVALS[3];
  return { from: from.toISOString(), to: to.toISOString(), interval };
}

function hereZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

const COLUMNS_MAX = 120;
const COLUMNS_ELSEWHERE = 80;

/** As others do: no colours in pipes and where NO_COLOR is set (no-color.org); no Unicode where the locale has none. */
function styleOf({ env, output }: Terminal, isAscii: boolean): TerminalStyle {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  return {
    columns: Math.min(output.columns ?? COLUMNS_ELSEWHERE, COLUMNS_MAX),
    hasColors: output.isTTY && !env.NO_COLOR && env.TERM !== "dumb",
    hasUnicode: !isAscii && /utf-?8/i.test(locale),
  };
}
