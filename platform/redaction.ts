// What must never reach a log, wherever it stands in what is logged: told by the names of fields, at any depth, and by a few
// shapes of text that carry secrets within.
import { pino } from "pino";

const CENSORED = "[redacted]";
const TOO_DEEP = "[too deep]";
const DEPTH_MAX = 8;

const SECRET_NAME =
  /passw|passphrase|secret|token|authori[sz]ation|cookie|credential|bearer|recovery_?code|otp|(private|master|signing|api|access|data|hmac)[_-]?key|(database|redis|clickhouse|smtp|connection)[_-]?(url|string)/i;
/** These say which one, how many or when. */
const HARMLESS_NAME = /(_|-)(id|ids|at|count|bytes|ms)$|(Id|Ids|At|Count|Bytes|Ms)$/;
const NAMES_MAX = 2_000;

/** A URL's user and password. */
const URL_CREDENTIALS = /(\/\/)[^/?#\s"'@]*@/g;
/** Postgres shows the whole row that broke a constraint. */
const FAILING_ROW = /^Failing row contains/;

type Fields = Record<string, unknown>;

export function redactFields(fields: object): Fields {
  return fieldsAt(fields, 0);
}

function fieldsAt(fields: object, depth: number): Fields {
  const redacted: Fields = {};
  for (const [name, value] of Object.entries(fields)) {
    redacted[name] = isSecretName(name) ? censored(value) : valueAt(value, depth + 1);
  }
  return redacted;
}

function valueAt(value: unknown, depth: number): unknown {
  if (typeof value === "string") return textOf(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > DEPTH_MAX) return TOO_DEEP;
  // Keys are often bytes.
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return CENSORED;
  if (value instanceof Error) return fieldsAt(pino.stdSerializers.err(value), depth);
  if (Array.isArray(value)) return value.map((item) => valueAt(item, depth + 1));
  if ("toJSON" in value && typeof value.toJSON === "function") return valueAt(value.toJSON(), depth + 1);
  return fieldsAt(value, depth);
}

/** Whether there is one, or how many, is no secret. */
function censored(value: unknown): unknown {
  return typeof value === "string" || (typeof value === "object" && value !== null) ? CENSORED : value;
}

function textOf(text: string): string {
  if (FAILING_ROW.test(text)) return CENSORED;
  return text.includes("@") ? text.replaceAll(URL_CREDENTIALS, `$1${CENSORED}@`) : text;
}

const known = new Map<string, boolean>();

/** The same few names come with each line. */
function isSecretName(name: string): boolean {
  const remembered = known.get(name);
  if (remembered !== undefined) return remembered;
  const isSecret = SECRET_NAME.test(name) && !HARMLESS_NAME.test(name);
  if (known.size >= NAMES_MAX) known.clear();
  known.set(name, isSecret);
  return isSecret;
}
