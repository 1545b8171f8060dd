// For how long answers are kept, and which are not: RFC 9111, 9213, 8246 and 5861 as tables, on the newest nginx and on the
// oldest. What is stale when it comes has to be asked for again, so that no test waits.
import { type CacheCase, playOnBoth, says, second } from "./test-cache-cases.ts";

const HOUR = "max-age=3600";
const ETAG = { etag: '"one"' };
const kept = (name: string, ...args: Parameters<typeof says>): CacheCase => [name, second("cache", says(...args))];
const asked = (name: string, ...args: Parameters<typeof says>): CacheCase => [name, second("origin", says(...args))];
const keptBy = (name: string, headers: Record<string, string | readonly string[]>, status = 200): CacheCase => [
  `${name} (${status})`,
  second("cache", { headers, status }),
];
const askedBy = (name: string, headers: Record<string, string | readonly string[]>, status = 200): CacheCase => [
  `${name} (${status})`,
  second("origin", { headers, status }),
];

const THEMES: Readonly<Record<string, readonly CacheCase[]>> = {
  "Cache-Control: how long": [
    kept("max-age", HOUR),
    kept("one minute old, of an hour", HOUR, { age: "60" }),
    asked("older than its max-age", "max-age=60", { age: "61" }),
    asked("max-age=0", "max-age=0"),
    asked("a negative max-age", "max-age=-1"),
    asked("an unreadable max-age", "max-age=soon"),
    kept("as long as fits into 31 bits", "max-age=2147483647"),
    kept("one more", "max-age=2147483648"),
    kept("far more than anybody counts", "max-age=99999999999"),
    kept("leading zeros", "max-age=003600"),
    kept("max-age behind an unknown directive", `extension=1, other="a, b", ${HOUR}`),
    kept("in capitals", "MaX-AgE=3600"),
    kept("max-age over Expires", HOUR, { expires: "@-100" }),
    kept("max-age over an Expires that is none", HOUR, { expires: "0" }),
    asked("max-age=0 over Expires", "max-age=0", { expires: "@3600" }),
    kept("s-maxage", "s-maxage=3600"),
    kept("s-maxage over a shorter max-age", "max-age=1, s-maxage=3600", { age: "10" }),
    kept("s-maxage before a shorter max-age", "s-maxage=3600, max-age=1", { age: "10" }),
    kept("s-maxage on a line of its own", "", { "cache-control": ["max-age=1", "s-maxage=3600"], age: "10" }),
    asked("s-maxage under a longer max-age", "max-age=3600, s-maxage=1", { age: "10" }),
    asked("s-maxage under a longer Expires", "s-maxage=1", { age: "10", expires: "@3600" }),
    asked("what stands in quotes is no directive", 'extension="max-age=3600"'),
    asked("what stands in quotes is none in another order", 'extension="max-age=3600", max-age=1', { age: "10" }),
    asked("single quotes are no quotes", "max-age='3600'"),
  ],
  "Cache-Control: whether": [
    asked("private", `private, ${HOUR}`),
    asked("no-store", "no-store"),
    asked("no-store in capitals", "No-StOrE"),
    asked("no-store beside freshness", `no-store, ${HOUR}`),
    ["no-cache is asked about each time", second("confirmed", says("no-cache", ETAG))],
    ["no-cache in capitals", second("confirmed", says("No-CaChE", ETAG))],
    ["no-cache beside freshness", second("confirmed", says(`no-cache, ${HOUR}`, ETAG))],
    kept("must-revalidate while fresh", `must-revalidate, ${HOUR}`),
    ["must-revalidate when stale", second("confirmed", says("must-revalidate, max-age=60", { ...ETAG, age: "61" }))],
    kept("immutable while fresh (RFC 8246)", `immutable, ${HOUR}`),
    ["immutable when stale", second("confirmed", says("immutable, max-age=60", { ...ETAG, age: "61" }))],
    [
      "must-understand lifts no-store for a status that is understood",
      second("cache", says(`no-store, must-understand, ${HOUR}`)),
    ],
    ["and for no other", second("origin", { ...says(`no-store, must-understand, ${HOUR}`), status: 599 })],
    [
      "a new answer that is not to be kept does not replace a kept one's words",
      [{ origin: says("no-store"), from: "origin" }, { origin: says(HOUR), from: "origin" }, { from: "cache" }],
    ],
    asked("stale-while-revalidate: not beyond its window", "max-age=60, stale-while-revalidate=10", { age: "100" }),
  ],
  "CDN-Cache-Control (RFC 9213)": [
    keptBy("max-age", { "cdn-cache-control": HOUR }),
    keptBy("as long as fits into 31 bits", { "cdn-cache-control": "max-age=2147483648" }),
    keptBy("far more than anybody counts", { "cdn-cache-control": "max-age=99999999999" }),
    askedBy("older than it", { "cdn-cache-control": "max-age=60", age: "61" }),
    askedBy("max-age=0", { "cdn-cache-control": "max-age=0" }),
    keptBy("beside an extension", { "cdn-cache-control": `foobar, ${HOUR}` }),
    keptBy("over Expires", { "cdn-cache-control": HOUR, expires: "@-100" }),
    askedBy("max-age=0 over Expires", { "cdn-cache-control": "max-age=0", expires: "@3600" }),
    keptBy("over a shorter Cache-Control", { "cdn-cache-control": HOUR, "cache-control": "max-age=1", age: "10" }),
    askedBy("over a longer Cache-Control", { "cdn-cache-control": "max-age=1", "cache-control": HOUR, age: "10" }),
    keptBy("over no-store", { "cdn-cache-control": HOUR, "cache-control": "no-store" }),
    askedBy("private", { "cdn-cache-control": "private", "cache-control": HOUR }),
    askedBy("no-store over freshness", { "cdn-cache-control": "no-store", "cache-control": HOUR }),
    [
      "no-cache over freshness",
      second("confirmed", { headers: { "cdn-cache-control": "no-cache", "cache-control": HOUR, ...ETAG } }),
    ],
    askedBy("no dictionary: left alone", {
      "cdn-cache-control": "max-age=3600 &",
      "cache-control": "max-age=1",
      age: "10",
    }),
    askedBy("a max-age that is no number: left alone", {
      "cdn-cache-control": 'max-age="3600"',
      "cache-control": "max-age=1",
      age: "10",
    }),
  ],
  Age: [
    asked("not a number, and a list of it", "max-age=60", { age: "7200" }),
    kept("a word", HOUR, { age: "abc" }),
    kept("negative", HOUR, { age: "-7200" }),
    asked("more than fits into 31 bits", HOUR, { age: "2147483649" }),
    asked("twice: the first counts", HOUR, { age: "7200, 0" }),
    ["grows from what the origin said", second("cache", says(HOUR, { age: "30" }), { has: { age: /^3[0-2]$/ } })],
    [
      "of what is kept by Expires grows as well",
      second("cache", { headers: { expires: "@3600", age: "30" } }, { has: { age: /^3[0-2]$/ } }),
    ],
    ["is there though the origin has none", second("cache", says(HOUR), { has: { age: /^[0-2]$/ } })],
    ["counts an old Date", second("cache", says(HOUR, { date: "@-600" }), { has: { age: /^60[0-2]$/ } })],
  ],
  Expires: [
    keptBy("in the future", { expires: "@3600" }),
    askedBy("in the past", { expires: "@-3600" }),
    askedBy("now", { expires: "@0" }),
    keptBy("against an old Date", { expires: "@3600", date: "@-100" }),
    askedBy("less than Date", { expires: "@10", date: "@100" }),
    askedBy("0", { expires: "0" }),
    askedBy("no date at all", { expires: "tomorrow" }),
    askedBy("used up by Age", { expires: "@60", age: "120" }),
    keptBy("beyond 32 bits", { expires: "Tue, 19 Jan 2038 14:14:08 GMT" }),
    keptBy("far away", { expires: "Sun, 21 Nov 2286 04:46:39 GMT" }),
    keptBy("as in RFC 850", { expires: "Sunday, 21-Nov-49 04:46:39 GMT" }),
    keptBy("as asctime has it", { expires: "Thu Nov 18 04:46:39 2049" }),
    askedBy("UTC", { expires: "Thu, 18 Aug 2050 02:01:18 UTC" }),
    askedBy("another zone", { expires: "Thu, 18 Aug 2050 02:01:18 AEST" }),
    askedBy("no comma", { expires: "Thu 18 Aug 2050 02:01:18 GMT" }),
    askedBy("dashes", { expires: "Thu, 18-Aug-2050 02:01:18 GMT" }),
    askedBy("dots", { expires: "Thu, 18 Aug 2050 02.01.18 GMT" }),
    askedBy("an hour of one digit", { expires: "Thu, 18 Aug 2050 2:01:18 GMT" }),
    askedBy("several blanks", { expires: "Thu, 18  Aug  2050 02:01:18 GMT" }),
    askedBy("two of them in one", { expires: "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:19 GMT" }),
  ],
  "by guess, from Last-Modified": [
    ...[200, 203, 204, 404, 405, 410].map((status) => keptBy("kept", { "last-modified": "@-1000000" }, status)),
    // What a viewer's own fault provokes is never kept by guess; see ADR 21.
    ...[201, 202, 400, 403, 413, 414, 431, 501, 502, 503, 504, 599].map((status) =>
      askedBy("not kept", { "last-modified": "@-1000000" }, status),
    ),
    keptBy("kept when it is public", { "last-modified": "@-1000000", "cache-control": "public" }, 599),
  ],
  "statuses, when told": [
    ...[200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599].flatMap((status) => [
      keptBy("fresh", { "cache-control": HOUR, location: "/elsewhere" }, status),
      askedBy("stale", { "cache-control": "max-age=60, stale-if-error=0", age: "61", location: "/elsewhere" }, status),
    ]),
  ],
};

playOnBoth(THEMES);
