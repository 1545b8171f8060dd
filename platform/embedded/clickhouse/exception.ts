// What ClickHouse answers when it refuses: a numbered exception, as text and headers that its clients read.

class ClickHouseException extends Error {
  override readonly name = "ClickHouseException";
  readonly code: number;

  constructor(code: number, type: string, message: string) {
    super(`Code: ${code}. DB::Exception: ${message}. (${type})`);
    this.code = code;
  }
}

export const exception = {
  badArguments: (message: string) => new ClickHouseException(36, "BAD_ARGUMENTS", message),
  notImplemented: (message: string) => new ClickHouseException(48, "NOT_IMPLEMENTED", message),
  tooManyQueries: (limit: number) =>
    new ClickHouseException(202, "TOO_MANY_SIMULTANEOUS_QUERIES", `Too many simultaneous queries. Maximum: ${limit}`),
  tooLarge: (limit: number) =>
    new ClickHouseException(307, "TOO_MANY_BYTES", `The body of a request may have ${limit} bytes at most`),
  authenticationFailed: () =>
    new ClickHouseException(
      516,
      "AUTHENTICATION_FAILED",
      "Authentication failed: password is incorrect, or there is no user with such name",
    ),
};

/** The engine's own errors already read like the server's; anything else is a defect of this server. */
export function toException(error: unknown): { code: number; text: string; status: number } {
  const text = error instanceof Error ? error.message : String(error);
  const code = Number(/^Code: (\d+)\./.exec(text)?.[1] ?? 1001);
  const complete = /^Code: \d+\./.test(text) ? text : `Code: 1001. DB::Exception: ${text}. (STD_EXCEPTION)`;
  return { code, text: `${complete}\n`, status: statusOf(code) };
}

// ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus: what the caller got wrong is 4xx, the rest 500.
const BAD_REQUEST = new Set([6, 26, 27, 33, 36, 38, 41, 43, 47, 53, 62, 69, 72, 115, 117, 130, 131, 456, 457]);
const NOT_FOUND = new Set([46, 60, 81, 124]);
const FORBIDDEN = new Set([164, 497, 516]);

function statusOf(code: number): number {
  if (BAD_REQUEST.has(code)) return 400;
  if (FORBIDDEN.has(code)) return 403;
  if (NOT_FOUND.has(code)) return 404;
  return code === 307 ? 413 : 500;
}
