// The API as a TypeScript program uses it: every call, field and answer is typed by docs/openapi.json, from which
// `npm run generate` makes schema.ts. It imports nothing of the platform.
import createFetchClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.ts";

export type ApiClient = Client<paths>;
export type Schemas = components["schemas"];

const TIMEOUT_MS = 60_000;

export interface ApiClientSettings {
  /** Such as https://cdn.example.com, without /api/v1. */
  readonly url: string;
  /** Of a log-in, or an API token. */
  readonly token?: string;
  /** For members of several accounts. */
  readonly accountId?: string;
  readonly timeoutMs?: number;
}

export function createApiClient({ url, token, accountId, timeoutMs = TIMEOUT_MS }: ApiClientSettings): ApiClient {
  return createFetchClient<paths>({
    baseUrl: url.replace(/\/+$/, ""),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(accountId === undefined ? {} : { "x-account-id": accountId }),
    },
    fetch: (request) => fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]) }),
  });
}

/** What the API says when it does not do what it was asked (RFC 9457). */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  readonly status: number;
  readonly problem: Partial<Schemas["Problem"]>;

  constructor(status: number, problem: Partial<Schemas["Problem"]>) {
    super(problem.detail === undefined ? `the API answers ${status}` : `${problem.title}: ${problem.detail}`);
    this.status = status;
    this.problem = problem;
  }
}

interface Result<Data> {
  readonly data?: Data;
  readonly error?: Partial<Schemas["Problem"]>;
  readonly response: Response;
}

/** The answer's JSON; a problem is thrown. */
export function answerOf<Data>(result: Result<Data>): Exclude<NonNullable<Data>, string> {
  const { data, error, response } = result;
  if (!response.ok || data === undefined || data === null) throw new ApiProblem(response.status, error ?? {});
  if (isJson(data)) return data;
  throw new Error("the answer was asked for as text: textOf reads that");
}

/** The answer's text, of what was asked for with `parseAs: "text"`: CSV, a picture. A problem is thrown. */
export function textOf({ data, error, response }: Result<unknown>): string {
  if (response.ok && typeof data === "string") return data;
  throw new ApiProblem(response.status, error ?? {});
}

function isJson<Data>(data: Data): data is Exclude<Data, string> {
  return typeof data !== "string";
}
