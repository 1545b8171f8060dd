// The agent's settings, parsed once by main.ts.
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { z } from "zod";
import { ConfigError, setting } from "../platform/config.ts";

export const agentSchema = z.object({
  /** https://…; plain http:// only to this machine itself. */
  CONTROL_PLANE_URL: setting.url("http:", "https:").refine(isPrivateOnTheWay, {
    error: "must begin with https:// : plain HTTP is for a control plane on this machine alone.",
  }),
  /** What the agent owns: state, keys, rendered files, logs and the cache of nginx. */
  EDGE_HOME: z.string().min(1).default(".data/edge"),
  EDGE_NAME: z.string().min(1).max(100).default(hostname()),
  /** Needed once, at the first start. */
  EDGE_ENROLMENT_TOKEN: z.string().min(20).max(200).optional(),
  EDGE_ENROLMENT_TOKEN_FILE: z.string().min(1).optional(),
  /** JSON of platform/embedded/nginx.ts's NginxInstallation, as `up` gives it, or the path of an OpenResty's nginx. */
  NGINX_INSTALLATION: z.string().min(1).default("/usr/local/openresty/nginx/sbin/nginx"),
  ALLOW_PRIVATE_ORIGINS: setting.flag.default(false),
  /** Must nginx go on serving when the agent ends? Under `up` it must not. */
  EDGE_KEEP_SERVING: setting.flag.default(true),
  /** How long an edge that was away asks for what it lacks before it serves; 0: not at all. */
  EDGE_CATCH_UP_SECONDS: setting.seconds.default(10),
  /** How long no worker of nginx may die until what it was given counts as innocent. */
  EDGE_CRASH_TRIAL_SECONDS: setting.seconds.default(10),
  /** How long an edge that goes into maintenance serves on, for its viewers to find another one. */
  EDGE_DRAIN_SECONDS: setting.seconds.default(60),
  /** `address:port,…`, `*` for every address of this machine: what no origin may be. */
  FORBIDDEN_ORIGIN_ADDRESSES: z
    .string()
    .default("")
    .transform((text) => text.split(",").filter((item) => item.trim() !== ""))
    .pipe(z.array(z.string().transform(listenerOf))),
  /** `address:port` of the agent's own /metrics and /health, or `off`. */
  AGENT_METRICS_ADDRESS: z
    .string()
    .default("127.0.0.1:9145")
    .transform((text, context) => (text === "off" ? [] : [listenerOf(text, context)])),
  /** PEM: the authorities that https origins may have their certificates from. Default: those of the system. */
  ORIGIN_CA_FILE: z.string().min(1).optional(),
  /** A file in MaxMind's format that tells the countries of viewers; rules by country need one. */
  GEOIP_DB: z.string().min(1).optional(),
  /** Log lines go to this ClickHouse instead of the control plane, which then sees none of them; see ADR 35. */
  LOG_CLICKHOUSE_URL: setting
    .url("http:", "https:")
    .refine(isPrivateOnTheWay, {
      error: "must begin with https:// : plain HTTP is for a ClickHouse on this machine alone.",
    })
    .optional(),
  /** Whose networks addresses are of, for those lines. */
  GEOIP_ASN_DB: z.string().min(1).optional(),
  PLATFORM_ZONE: z.string().min(1).default("edgewright.localhost"),
  /** The access log is rotated above the first, and its oldest unsent lines are given up above the second. */
  ACCESS_LOG_ROTATE_MB: setting.count.default(64),
  ACCESS_LOG_UNSENT_MAX_MB: setting.count.default(2048),
  /** They are given up, too, while less than this is free on their disk: without room nothing could be served. */
  ACCESS_LOG_DISK_FREE_MIN_MB: setting.countFromZero.default(32),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
});
export type AgentConfig = z.output<typeof agentSchema>;

/** A socket that somebody listens on. `*` stands for every address of this machine. */
export interface Listener {
  readonly host: string;
  readonly port: number;
}

/** The token itself or the file that holds it; undefined once neither is given, as after the first start. */
export function enrolmentToken(
  config: Pick<AgentConfig, "EDGE_ENROLMENT_TOKEN" | "EDGE_ENROLMENT_TOKEN_FILE">,
): string | undefined {
  if (config.EDGE_ENROLMENT_TOKEN !== undefined) return config.EDGE_ENROLMENT_TOKEN;
  const path = config.EDGE_ENROLMENT_TOKEN_FILE;
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new ConfigError(`EDGE_ENROLMENT_TOKEN_FILE: ${path} cannot be read.`, { cause });
  }
}

function isPrivateOnTheWay(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname: host } = new URL(text);
  return protocol === "https:" || host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function listenerOf(text: string, context: z.RefinementCtx<string>): Listener {
  const at = text.lastIndexOf(":");
  const host = text
    .slice(0, at)
    .trim()
    .replace(/^\[|\]$/g, "");
  const port = Number(text.slice(at + 1));
  const known = host === "*" || isIP(host) !== 0;
  if (!known || !Number.isInteger(port) || port < 1 || port > 65535) {
    context.addIssue({
      code: "custom",
      message: `${text} must be an address and a port, such as 127.0.0.1:5432 or *:8080.`,
      input: text,
    });
  }
  return { host: host === "0.0.0.0" || host === "::" ? "*" : host, port };
}
