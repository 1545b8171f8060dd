// The API as a customer's program uses it.
import { expect } from "vitest";
import { z } from "zod";

const REQUEST_TIMEOUT_MS = 20_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Api {
  readonly url: string;
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** The answer's body, when the status is the expected one. */
  expect<Schema extends z.ZodType>(
    status: number,
    schema: Schema,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<z.output<Schema>>;
  as(token: string): Api;
}

export function apiAt(url: string, token?: string): Api {
  const call: Api["call"] = async (method, path, body, headers = {}) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await answer.text();
    const isJson = answer.headers.get("content-type")?.includes("json") ?? false;
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
  };
  return {
    url,
    call,
    async expect(status, schema, method, path, body) {
      const answer = await call(method, path, body);
      expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBe(status);
      return schema.parse(answer.body);
    },
    as: (other) => apiAt(url, other),
  };
}

const registered = z.object({ token: z.string(), account: z.object({ id: z.uuid() }) });
let people = 0;

/** A new customer with an account of its own. */
export async function register(api: Api): Promise<Api & { accountId: string; token: string }> {
  people += 1;
  const name = `customer-${process.pid}-${people}`;
  const { token, account } = await api.expect(201, registered, "POST", "/api/v1/auth/register", {
    username: name.slice(0, 30),
    email: `${name}@example.com`,
    password: "correct-horse-1",
  });
  return { ...api.as(token), accountId: account.id, token };
}

const created = z.object({ id: z.uuid(), domain: z.string(), cname: z.string(), status: z.string() });

export async function createDistribution(
  api: Api,
  domain: string,
  originUrl: string,
): Promise<z.output<typeof created>> {
  return api.expect(201, created, "POST", "/api/v1/distributions", { domain, origin: { url: originUrl } });
}

const EVENTUALLY_MS = 15_000;
const LOOK_EVERY_MS = 25;

/** Looks again until the check passes; the last failure is the reason when it never does. */
export async function eventually<T>(check: () => Promise<T>, withinMs = EVENTUALLY_MS): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
