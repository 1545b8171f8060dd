// Asks an API server as its clients do, and reads the answer whole. Tests only.

export interface Asked {
  readonly token?: string;
  /** For members of several accounts. */
  readonly account?: string | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where it is JSON, else the text. Undefined: none. */
  readonly body: unknown;
}

const ANSWER_TIMEOUT_MS = 10_000;

export async function ask(
  url: string,
  method: string,
  { token, account, body, headers = {} }: Asked = {},
): Promise<Answer> {
  const reply = await fetch(url, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(account === undefined ? {} : { "x-account-id": account }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  });
  const text = await reply.text();
  const isJson = reply.headers.get("content-type")?.includes("json") ?? false;
  return { status: reply.status, headers: reply.headers, body: bodyOf(text, isJson) };
}

function bodyOf(text: string, isJson: boolean): unknown {
  if (text === "") return undefined;
  return isJson ? JSON.parse(text) : text;
}
