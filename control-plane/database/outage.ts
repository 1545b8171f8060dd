// Tells from an error whether a service that the control plane leans on is away. Postgres and Redis clients throw
// their own errors; every other client is wrapped where it is used (`unavailable(name, cause)` of http/problems.ts).
import { z } from "zod";

export type Outage = "database" | "redis";

// Node's socket errors. Knex is the only client whose socket errors reach a handler bare.
const SOCKET_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
// SQLSTATE: 08 connection exceptions · 53300 too many connections · 57P01–57P03 shutting down, crashed, starting up.
const SQLSTATES = /^(08[0-9A-Z]{3}|53300|57P0[123])$/;
// pg and its pool name these by message alone; knex writes the statement in front of it (`ROLLBACK - Connection …`).
const PG_MESSAGES =
  /(?:^| - )(Connection terminated|Connection ended|timeout expired|Client (has encountered a connection error|was closed) and is not queryable)/;
const REDIS_MESSAGES =
  /^(Connection is closed|Stream isn't writeable|Command timed out|LOADING |READONLY |MASTERDOWN |CLUSTERDOWN )/;

const errorSchema = z.object({
  name: z.string().catch(""),
  message: z.string().catch(""),
  code: z.string().optional().catch(undefined),
});
// Objection wraps a driver's error as nativeError; others as cause; connection attempts to several addresses as errors.
const wrapperSchema = z.object({
  nativeError: z.unknown().optional(),
  cause: z.unknown().optional(),
  errors: z.array(z.unknown()).catch([]),
});
const DEPTH_MAX = 5;

/** Which service is away, when that is what the error says. */
export function outageOf(error: unknown, depth = 0): Outage | undefined {
  const parsed = errorSchema.safeParse(error);
  if (!parsed.success || depth > DEPTH_MAX) return undefined;
  return ownOutage(parsed.data) ?? wrappedOutage(error, depth);
}

function ownOutage({ name, message, code }: z.output<typeof errorSchema>): Outage | undefined {
  if (name === "MaxRetriesPerRequestError" || name === "ClusterAllFailedError") return "redis";
  if (REDIS_MESSAGES.test(message)) return "redis";
  if (name === "KnexTimeoutError" || PG_MESSAGES.test(message)) return "database";
  if (code !== undefined && (SOCKET_CODES.has(code) || SQLSTATES.test(code))) return "database";
  return undefined;
}

function wrappedOutage(error: unknown, depth: number): Outage | undefined {
  const { nativeError, cause, errors } = wrapperSchema.parse(error);
  for (const inner of [nativeError, cause, ...errors.slice(0, DEPTH_MAX)]) {
    const outage = inner === undefined ? undefined : outageOf(inner, depth + 1);
    if (outage !== undefined) return outage;
  }
  return undefined;
}
