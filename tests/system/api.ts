// The API as a customer's program uses it: by the typed client, and by raw requests where a test wants to send what no
// client would.
import { expect } from "vitest";
import type { z } from "zod";
import { type ApiClient, answerOf, createApiClient, type Schemas } from "../../client/index.ts";

const REQUEST_TIMEOUT_MS = 20_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Api {
  readonly url: string;
  readonly client: ApiClient;
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
    client: createApiClient({ url, ...(token === undefined ? {} : { token }), timeoutMs: REQUEST_TIMEOUT_MS }),
    call,
    async expect(status, schema, method, path, body) {
      const answer = await call(method, path, body);
      expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBe(status);
      return schema.parse(answer.body);
    },
    as: (other) => apiAt(url, other),
  };
}

let people = 0;

/** A new customer with an account of its own. */
export async function register(api: Api): Promise<Api & { accountId: string; token: string }> {
  people += 1;
  const username = `customer-${process.pid}-${people}`.slice(0, 30);
  const body = { username, email: `${username}@example.com`, password: "correct-horse-1" };
  const { token, account } = answerOf(await api.client.POST("/api/v1/auth/register", { body }));
  return { ...api.as(token), accountId: account.id, token };
}

export async function createDistribution(
  { client }: Api,
  domain: string,
  originUrl: string,
): Promise<Schemas["Distribution"]> {
  return answerOf(await client.POST("/api/v1/distributions", { body: { domain, origin: { url: originUrl } } }));
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
