// What the API takes, an edge takes: whatever passes a kind's checks compiles into a document.
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileDocument } from "../../../edge-templates/index.ts";
import { exampleDistribution } from "../../../edge-templates/test-examples.ts";
import type { RuleKindName } from "./kind.ts";
import { ruleKinds } from "./kinds.ts";
import { desiredRules } from "./service.ts";

const RUNS = 2000;
const id = "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44";
const surroundings = { hosts: ["www.example.com"] };

const hostile = fc.constantFrom(
  ...[
    '"',
    "'",
    ";",
    "{",
    "}",
    "$",
    "$host",
    "\\",
    "%",
    "%2f",
    "%41",
    "*",
    "\n",
    " ",
    "é",
    "👩‍👩‍👧",
    "..",
    "/",
    ":splat",
  ],
);
const text = fc.oneof(
  fc.array(fc.oneof(hostile, fc.string({ maxLength: 4 }))).map((pieces) => pieces.join("")),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const path = fc.oneof(
  text.map((rest) => `/${rest}`),
  text.map((rest) => `*${rest}`),
  text,
);
const paths = fc.array(path, { maxLength: 3 });
const token = fc.oneof(
  fc.stringMatching(/^[A-Za-z][A-Za-z-]{0,12}$/),
  fc.stringMatching(/^(if|x|proxy|te)-?[a-z]*$/),
  text,
);
const seconds = fc.option(fc.integer({ min: -1, max: 31_536_001 }));
const list = (item: fc.Arbitrary<string>) => fc.array(item, { maxLength: 3 });

/** A few of the fields: with all of them, hardly a rule would be taken. */
function someOf(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<object> {
  return fc
    .subarray(Object.keys(fields), { maxLength: 3 })
    .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, fields[name] ?? fc.constant(null)]))));
}

const inputs: Readonly<Record<RuleKindName, fc.Arbitrary<object>>> = {
  cache_rule: someOf({
    paths,
    extensions: list(fc.oneof(fc.stringMatching(/^\.?[A-Za-z0-9]{1,17}$/), text)),
    content_types: list(fc.oneof(fc.constantFrom("Image/*", "text/html", "application/ld+json"), text)),
    mode: fc.constantFrom("respect", "override", "bypass"),
    ttl_seconds: seconds,
    ttl_max_seconds: seconds,
    ttl_by_status: fc.dictionary(fc.stringMatching(/^[1-6]([0-9]{2}|xx)$/), fc.integer({ min: 0, max: 100 })),
    browser_ttl_seconds: seconds,
    is_private_overridden: fc.boolean(),
    query: fc.record(
      { mode: fc.constantFrom("all", "none", "include", "exclude"), names: list(fc.oneof(token, text)) },
      { requiredKeys: [] },
    ),
    cookies: list(token),
    headers: list(token),
    is_sliced: fc.boolean(),
    stale_while_revalidate_seconds: seconds,
    stale_if_error_seconds: seconds,
  }),
  header_rule: fc.record({
    paths,
    phase: fc.constantFrom("request", "response"),
    action: fc.constantFrom("set", "add"),
    name: token,
    value: text,
  }),
  redirect: fc.record({
    source: fc.tuple(path, fc.constantFrom("", "*")).map(([start, star]) => start + star),
    target: fc.oneof(
      path,
      text.map((rest) => `https://example.com/${rest}`),
      text.map((rest) => `https://${rest}`),
    ),
    status: fc.constantFrom(301, 302, 303, 307, 308),
    is_query_kept: fc.boolean(),
  }),
  access_rule: fc.oneof(
    fc.record({
      type: fc.constant("country"),
      action: fc.constantFrom("allow", "deny"),
      countries: list(fc.constantFrom("DE", "us", "XK", "XX")),
      paths,
    }),
    fc.record({
      type: fc.constant("ip"),
      action: fc.constantFrom("allow", "deny"),
      networks: list(
        fc.oneof(
          fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, bits]) => `${address}/${bits}`),
          fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })).map(([address, bits]) => `${address}/${bits}`),
          text,
        ),
      ),
      paths,
    }),
    fc.record({
      type: fc.constant("referrer"),
      action: fc.constantFrom("allow", "deny"),
      hosts: list(
        fc.oneof(
          fc.domain(),
          fc.domain().map((name) => `*.${name}`),
          text,
        ),
      ),
      is_empty_named: fc.boolean(),
      paths,
    }),
    fc.record({
      type: fc.constant("user_agent"),
      action: fc.constantFrom("allow", "deny"),
      patterns: list(text),
      paths,
    }),
    fc.record({
      type: fc.constant("signed_url"),
      secret_ids: fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 2 }),
      paths,
    }),
  ),
  rate_limit: fc.record({
    paths,
    requests: fc.integer({ min: 0, max: 1_000_001 }),
    per_seconds: fc.integer({ min: 0, max: 3601 }),
    burst: fc.integer({ min: -1, max: 1_000_001 }),
  }),
};

/** The body that would be stored; undefined: refused. */
function taken(name: RuleKindName, input: object): object | undefined {
  const kind = ruleKinds[name];
  const { secret_ids, ...asked } = { secret_ids: undefined, ...input };
  const parsed = kind.create.safeParse(asked);
  if (!parsed.success) return undefined;
  const body = kind.bodyOf({ ...parsed.data, secret_ids });
  return kind.faultsOf(body, surroundings).length === 0 ? body : undefined;
}

test.each(Object.values(ruleKinds))("an edge takes every $noun that is taken", ({ name: kind }) => {
  let count = 0;
  fc.assert(
    fc.property(inputs[kind], (input) => {
      const body = taken(kind, input);
      if (body === undefined) return;
      count += 1;
      const at = new Date();
      const author = { createdBy: null, updatedBy: null, createdAt: at, updatedAt: at };
      const rule = { id, distributionId: id, accountId: id, kind, position: 1, body, ...author };
      expect(() => compileDocument({ ...exampleDistribution, ...desiredRules([rule]) })).not.toThrow();
    }),
    { numRuns: RUNS },
  );
  expect(count).toBeGreaterThan(RUNS / 50);
});
