// The only ways in which a template prints. Each writer throws on a value that is not what it says: what reaches nginx
// is right or nothing does. Handlebars itself escapes for HTML and prints `undefined` as an empty text.

export class WriterError extends TypeError {
  override readonly name = "WriterError";
}

type Writer = (value: unknown) => string;

const HOST = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
const IPV6 = /^(?=.*:.*:)[0-9a-f:]{2,39}$/;
const PATH = /^(?!.*\.\.(\/|$))[A-Za-z0-9._/@-]{1,200}$/;

/** nginx reads its files through a buffer of 4,096 bytes, and a token must fit. */
const TOKEN_BYTES_MAX = 4000;

/** The variable of nginx.conf that holds a `$`. */
const LITERAL_DOLLAR = "\u0024{literal_dollar}";

/** Text as one nginx token. nginx has no escape for `$`, so a variable that holds one prints it. */
const quote: Writer = (value) => {
  if (typeof value !== "string") throw new WriterError(`quote: not a text: ${shown(value)}`);
  if (value.includes("\0")) throw new WriterError("quote: nginx cannot hold a NUL");
  const printed = `"${value.replace(/[\\"]/g, "\\$&").replaceAll("$", () => LITERAL_DOLLAR)}"`;
  if (Buffer.byteLength(printed) > TOKEN_BYTES_MAX)
    throw new WriterError("quote: longer than nginx reads in one piece");
  return printed;
};

const int: Writer = (value) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new WriterError(`int: not a whole number from 0 on: ${shown(value)}`);
  }
  return String(value);
};

const host: Writer = (value) => {
  if (typeof value !== "string" || !HOST.test(value)) throw new WriterError(`host: not a host name: ${shown(value)}`);
  return value;
};

/** An IP address as `listen` wants it. */
const address: Writer = (value) => {
  if (typeof value === "string" && IPV4.test(value)) return value;
  if (typeof value === "string" && IPV6.test(value)) return `[${value}]`;
  throw new WriterError(`address: not an IP address: ${shown(value)}`);
};

/** A file name that nginx reads as itself: no blanks, no variables, no way up. */
const path: Writer = (value) => {
  if (typeof value !== "string" || !PATH.test(value)) throw new WriterError(`path: not a plain path: ${shown(value)}`);
  return value;
};

/** `on` or `off`. */
const flag: Writer = (value) => {
  if (typeof value !== "boolean") throw new WriterError(`flag: neither true nor false: ${shown(value)}`);
  return value ? "on" : "off";
};

export const writers = { quote, int, host, address, path, flag } satisfies Readonly<Record<string, Writer>>;

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 100);
}
