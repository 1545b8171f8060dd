// Tables of what a cache must do: what the origin says, what viewers ask one after the other, and where each answer is to
// come from.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Herd, type HerdAsked, openHerd } from "./test-herd.ts";
import { NGINXES } from "./test-nginxes.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

export interface OriginSays {
  readonly status?: number;
  /** `@-60` is the date of a minute ago; a list is a line for each. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

export interface CacheStep {
  readonly method?: string;
  /** Of the request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Behind the case's own path. */
  readonly query?: string;
  /** What the origin answers should it be asked; default: as before. */
  readonly origin?: OriginSays;
  /** `confirmed`: the origin is asked whether what is kept is still right. */
  readonly from: "origin" | "cache" | "confirmed";
  readonly status?: number;
  /** Of the answer: exactly, or null where there may be none. */
  readonly has?: Readonly<Record<string, string | RegExp | null>>;
  readonly body?: string;
}

export type CacheCase = readonly [name: string, steps: readonly CacheStep[]];

/** What is said for the first of two requests, and whence the second is answered. */
export const second = (from: CacheStep["from"], origin: OriginSays, asked: Partial<CacheStep> = {}): CacheStep[] => [
  { origin, from: "origin" },
  { ...asked, from },
];

export const says = (cacheControl: string, headers: OriginSays["headers"] = {}): OriginSays => ({
  headers: { "cache-control": cacheControl, ...headers },
});

const resolved = (text: string): string => {
  const offset = /^@(-?\d+)$/.exec(text)?.[1];
  return offset === undefined ? text : new Date(Date.now() + Number(offset) * 1000).toUTCString();
};

let cases = 0;

/** Every case of every theme, against a distribution without rules on each nginx. */
export function playOnBoth(themes: Readonly<Record<string, readonly CacheCase[]>>): void {
  describe.each(NGINXES)("%s", (_, nginx) => {
    let sites: TestSites;
    let site: TestSite;
    let herd: Herd;

    beforeAll(async () => {
      sites = await startTestSites({ nginx: await nginx() });
      site = await sites.serve({ cacheRules: [] });
      herd = openHerd(sites);
    });

    afterAll(async () => {
      await herd?.end();
      await sites?.stop();
    });

    describe.each(Object.entries(themes))("%s", (__, cases) => {
      test.each(cases)("%s", async (...one) => play(sites, site, herd, one));
    });
  });
}

/** Plays a case against a site, under a path of its own. */
async function play(sites: TestSites, site: TestSite, herd: Herd, [, steps]: CacheCase): Promise<void> {
  cases += 1;
  const path = `/case-${cases}`;
  let origin: OriginSays = {};
  let count = 0;
  sites.origin.seen.length = 0;
  sites.origin.handle((request, response) => {
    count += 1;
    const { status = 200, headers = {}, body = `answer ${count}` } = origin;
    // Like most origins do, which know no more than this of conditions.
    const isSame = headers.etag !== undefined && request.headers["if-none-match"] === headers.etag;
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).flatMap((one) => [name, resolved(String(one))]),
    );
    const hasBody = status !== 204 && status !== 304 && !isSame;
    if (hasBody && headers["transfer-encoding"] === undefined) lines.push("content-length", `${body.length}`);
    response.writeHead(isSame ? 304 : status, lines).end(hasBody ? body : undefined);
  });
  for (const [index, step] of steps.entries()) {
    origin = step.origin ?? origin;
    await playStep(sites, site, herd, { step, path, number: index + 1 });
  }
}

async function playStep(
  sites: TestSites,
  site: TestSite,
  herd: Herd,
  { step, path, number }: { step: CacheStep; path: string; number: number },
): Promise<void> {
  const before = sites.origin.seen.length;
  const asked: HerdAsked = { method: step.method ?? "GET", headers: step.headers ?? {} };
  const answer = await herd.get(site, `${path}${step.query ?? ""}`, asked);
  const seen = sites.origin.seen.slice(before);
  const at = `request ${number}: ${answer.status} ${JSON.stringify(answer.headers)}`;
  expect(seen.length, at).toBe(step.from === "cache" ? 0 : 1);
  const [{ headers = {} } = {}] = seen;
  const isCondition = headers["if-none-match"] !== undefined || headers["if-modified-since"] !== undefined;
  if (step.from === "confirmed") expect(isCondition, at).toBe(true);
  if (step.status !== undefined) expect(answer.status, at).toBe(step.status);
  if (step.body !== undefined) expect(answer.body, at).toBe(step.body);
  for (const [name, value] of Object.entries(step.has ?? {})) {
    if (value === null) expect(answer.headers[name], at).toBeUndefined();
    else if (typeof value === "string") expect(answer.headers[name], at).toBe(resolved(value));
    else expect(answer.headers[name], at).toMatch(value);
  }
}
