// Which kept answer a request gets, and as what: variants, conditions, parts, what a 304 renews, what unsafe methods end, and
// which header lines are kept at all. As tables, on the newest nginx and on the oldest.
import { type CacheCase, type CacheStep, playOnBoth, says, second } from "./test-cache-cases.ts";

const HOUR = "max-age=3600";
const OLD = "@-100000";
const TEN = "0123456789";

const varied = (vary: string | readonly string[]) => says(HOUR, { vary });
/** The first request with these headers, then others: each asks the origin or not. */
const asks = (vary: string | readonly string[], ...steps: readonly [Record<string, string>, CacheStep["from"]][]) =>
  steps.map(([headers, from]) => ({ origin: varied(vary), headers, from }));

const spoken = (language: string, vary = "Accept-Language") => says(HOUR, { vary, "content-language": language });

const after304 = (headers: Record<string, string>, has: CacheStep["has"]): CacheStep[] => [
  { origin: says("max-age=60", { etag: '"one"', age: "61", ...headers }), from: "origin", body: "answer 1" },
  {
    origin: { status: 304, headers: { "cache-control": HOUR, etag: '"one"', "x-test": "new", "content-foo": "new" } },
    from: "confirmed",
    status: 200,
    body: "answer 1",
    has: has ?? {},
  },
  { from: "cache", body: "answer 1", has: has ?? {} },
];

const keptLine = (name: string, value: string): CacheCase => [
  `${name} is kept`,
  second("cache", says(HOUR, { [name]: value }), { has: { [name]: value } }),
];
const droppedLine = (name: string, value: string): CacheCase => [
  `${name} is not kept`,
  second("cache", says(HOUR, { [name]: value }), { has: { [name]: null } }),
];
const unsafe = (method: string): CacheCase[] => [
  [
    `${method} ends what is kept`,
    [{ origin: says(HOUR), from: "origin" }, { from: "cache" }, { method, from: "origin" }, { from: "origin" }],
  ],
  [
    `${method} that fails ends nothing`,
    [
      { origin: says(HOUR), from: "origin" },
      { method, origin: { status: 500 }, from: "origin", status: 500 },
      { from: "cache" },
    ],
  ],
];

const THEMES: Readonly<Record<string, readonly CacheCase[]>> = {
  Vary: [
    ["the same again", asks("X-Kind", [{ "x-kind": "1" }, "origin"], [{ "x-kind": "1" }, "cache"])],
    ["another one", asks("X-Kind", [{ "x-kind": "1" }, "origin"], [{ "x-kind": "2" }, "origin"])],
    ["none where there was one", asks("X-Kind", [{ "x-kind": "1" }, "origin"], [{}, "origin"])],
    ["one where there was none", asks("X-Kind", [{}, "origin"], [{ "x-kind": "1" }, "origin"])],
    [
      "both are kept beside each other",
      asks("X-Kind", [{ "x-kind": "1" }, "origin"], [{ "x-kind": "2" }, "origin"], [{ "x-kind": "1" }, "cache"]),
    ],
    ["what it does not name does not count", asks("X-Kind", [{ other: "1" }, "origin"], [{ other: "2" }, "cache"])],
    ["two, the same", asks("X-A, X-B", [{ "x-a": "1", "x-b": "2" }, "origin"], [{ "x-b": "2", "x-a": "1" }, "cache"])],
    [
      "two, one of them another",
      asks("X-A, X-B", [{ "x-a": "1", "x-b": "2" }, "origin"], [{ "x-a": "1", "x-b": "3" }, "origin"]),
    ],
    [
      "two, on a line each",
      asks(["X-A", "X-B"], [{ "x-a": "1", "x-b": "2" }, "origin"], [{ "x-a": "1", "x-b": "3" }, "origin"]),
    ],
    [
      "three, one of them absent",
      asks("X-A, X-B, X-C", [{ "x-a": "1" }, "origin"], [{ "x-a": "1", "x-c": "1" }, "origin"]),
    ],
    ...["*", "*, *", ", *", "*, X-Kind", "X-Kind, *"].map(
      (vary): CacheCase => [`${vary}: never`, asks(vary, [{}, "origin"], [{}, "origin"])],
    ),
    ["* on a line of its own: never", asks(["X-Kind", "*"], [{}, "origin"], [{}, "origin"])],
    [
      "the order of languages does not count",
      asks("Accept-Language", [{ "accept-language": "en, de" }, "origin"], [{ "accept-language": "de, en" }, "cache"]),
    ],
    [
      "nor their case",
      asks("Accept-Language", [{ "accept-language": "en, de" }, "origin"], [{ "accept-language": "eN, De" }, "cache"]),
    ],
    [
      "nor blanks around the commas of any list",
      asks(
        "X-Kind",
        [{ "x-kind": "1,2" }, "origin"],
        [{ "x-kind": "1, 2" }, "cache"],
        [{ "x-kind": "1 ,\t2" }, "cache"],
        [{ "x-kind": "12" }, "origin"],
      ),
    ],
    [
      "blanks that may mean something count",
      asks("X-Kind", [{ "x-kind": '"1,2"' }, "origin"], [{ "x-kind": '"1, 2"' }, "origin"]),
    ],
    ["and those of cookies", asks("Cookie", [{ cookie: "a=1,2" }, "origin"], [{ cookie: "a=1, 2" }, "origin"])],
    [
      "who likes one language best gets what was made in it for another",
      [
        { origin: spoken("de"), headers: { "accept-language": "en, de" }, from: "origin" },
        { headers: { "accept-language": "fr;q=0.5, de;q=1.0" }, from: "cache", has: { "content-language": "de" } },
        { headers: { "accept-language": "DE" }, from: "cache" },
        { headers: { "accept-language": "de-AT,de;q=0.9" }, from: "origin" },
        { headers: { "accept-language": "fr, de" }, from: "origin" },
        { from: "origin" },
      ],
    ],
    [
      "but not what is in two languages, or was asked for in words that nobody understands",
      [
        { origin: spoken("de, en"), headers: { "accept-language": "en, de" }, from: "origin" },
        { headers: { "accept-language": "de" }, from: "origin" },
        { origin: spoken("it"), headers: { "accept-language": "it;x=1" }, from: "origin" },
        { headers: { "accept-language": "it" }, from: "origin" },
      ],
    ],
    [
      "nor what differs in something else",
      [
        { origin: spoken("de", "Accept-Language, X-Kind"), headers: { "x-kind": "1" }, from: "origin" },
        { headers: { "x-kind": "1", "accept-language": "de" }, from: "cache" },
        { headers: { "x-kind": "2", "accept-language": "de" }, from: "origin" },
      ],
    ],
    [
      "another query is another answer",
      [
        { origin: says(HOUR), query: "?a=1", from: "origin" },
        { query: "?a=2", from: "origin" },
        { query: "?a=1", from: "cache" },
      ],
    ],
  ],
  conditions: [
    [
      "If-None-Match of what is kept: 304",
      second("cache", says(HOUR, { etag: '"one"' }), {
        headers: { "if-none-match": '"one"' },
        status: 304,
        has: { etag: '"one"' },
      }),
    ],
    [
      "by weak comparison",
      second("cache", says(HOUR, { etag: 'W/"one"' }), { headers: { "if-none-match": '"one"' }, status: 304 }),
    ],
    ...['"one", "two"', '"two", "one"', '"two",  "one" , "three"', "*"].map(
      (list): CacheCase => [
        `${list}: 304`,
        second("cache", says(HOUR, { etag: '"one"' }), { headers: { "if-none-match": list }, status: 304 }),
      ],
    ),
    [
      "If-None-Match of another: 200",
      second("cache", says(HOUR, { etag: '"one"' }), { headers: { "if-none-match": '"two"' }, status: 200 }),
    ],
    [
      "If-None-Match before If-Modified-Since",
      second("cache", says(HOUR, { etag: '"one"', "last-modified": OLD }), {
        headers: { "if-none-match": '"two"', "if-modified-since": new Date().toUTCString() },
        status: 200,
      }),
    ],
    [
      "a 304 names what a 200 would",
      second("cache", says(HOUR, { etag: '"one"', vary: "X-Kind", "content-location": "/here" }), {
        headers: { "if-none-match": '"one"' },
        status: 304,
        has: { etag: '"one"', vary: "X-Kind", "cache-control": HOUR, "content-location": "/here", date: /GMT$/ },
      }),
    ],
    [
      "If-Modified-Since: 304",
      second("cache", says(HOUR, { "last-modified": OLD }), {
        headers: { "if-modified-since": new Date().toUTCString() },
        status: 304,
      }),
    ],
    [
      "If-Modified-Since as in RFC 850",
      second("cache", says(HOUR, { "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT" }), {
        headers: { "if-modified-since": "Monday, 01-Jan-24 00:00:00 GMT" },
        status: 304,
      }),
    ],
    [
      "If-Modified-Since before it: 200",
      second("cache", says(HOUR, { "last-modified": OLD }), {
        headers: { "if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT" },
        status: 200,
      }),
    ],
    ["what is stale is asked about by its tag", second("confirmed", says("max-age=60", { etag: '"one"', age: "61" }))],
    ["and by its weak one", second("confirmed", says("max-age=60", { etag: 'W/"one"', age: "61" }))],
    ["or by its date", second("confirmed", says("max-age=60", { "last-modified": OLD, age: "61" }))],
  ],
  parts: [
    [
      "of the whole that is kept",
      second(
        "cache",
        { ...says(HOUR), body: TEN },
        { headers: { range: "bytes=0-1" }, status: 206, body: "01", has: { "content-range": "bytes 0-1/10" } },
      ),
    ],
    [
      "without an end",
      second("cache", { ...says(HOUR), body: TEN }, { headers: { range: "bytes=7-" }, status: 206, body: "789" }),
    ],
    [
      "from the end",
      second("cache", { ...says(HOUR), body: TEN }, { headers: { range: "bytes=-2" }, status: 206, body: "89" }),
    ],
    [
      "beyond the end: 416",
      second("cache", { ...says(HOUR), body: TEN }, { headers: { range: "bytes=20-" }, status: 416 }),
    ],
    [
      "If-Range of this one",
      second(
        "cache",
        { ...says(HOUR, { etag: '"one"' }), body: TEN },
        { headers: { range: "bytes=0-1", "if-range": '"one"' }, status: 206, body: "01" },
      ),
    ],
    [
      "If-Range of another: the whole",
      second(
        "cache",
        { ...says(HOUR, { etag: '"one"' }), body: TEN },
        { headers: { range: "bytes=0-1", "if-range": '"two"' }, status: 200, body: TEN },
      ),
    ],
    [
      "its header is the whole's",
      second(
        "cache",
        { ...says(HOUR, { "x-test": "kept" }), body: TEN },
        { headers: { range: "bytes=0-1" }, has: { "x-test": "kept" } },
      ),
    ],
    [
      "a HEAD is answered from the whole",
      second(
        "cache",
        { ...says(HOUR), body: TEN },
        { method: "HEAD", status: 200, body: "", has: { "content-length": "10" } },
      ),
    ],
    [
      "a HEAD fetches the whole for those to come",
      [
        { origin: says(HOUR), method: "HEAD", from: "origin" },
        { from: "cache", body: "answer 1" },
      ],
    ],
  ],
  "a 304 renews": [
    ["freshness and Cache-Control", after304({}, { "cache-control": HOUR })],
    [
      "lines of the origin's own",
      after304({ "x-test": "old", "content-foo": "old" }, { "x-test": "new", "content-foo": "new" }),
    ],
    ["nothing that it leaves out", after304({ "x-other": "kept" }, { "x-other": "kept" })],
    ["not the length", after304({}, { "content-length": "8" })],
  ],
  "lines that are kept": [
    keptLine("x-test-header", "one"),
    keptLine("content-foo", "one"),
    keptLine("content-type", "text/plain;charset=utf-8"),
    keptLine("content-encoding", "unheard-of"),
    keptLine("content-location", "/there"),
    keptLine("content-md5", "rL0Y20zC+Fzt72VPzMSk2A=="),
    keptLine("content-security-policy", "default-src 'self'"),
    keptLine("clear-site-data", "cookies"),
    keptLine("etag", '"one"'),
    keptLine("expires", "Fri, 01 Jan 2038 00:00:00 GMT"),
    keptLine("public-key-pins", "one"),
    keptLine("set-cookie2", "a=b"),
    keptLine("x-frame-options", "deny"),
    keptLine("x-xss-protection", "1"),
    keptLine("cache-control", HOUR),
    droppedLine("keep-alive", "timeout=50"),
    droppedLine("proxy-authenticate", "Basic"),
    droppedLine("proxy-authentication-info", "one"),
    droppedLine("proxy-connection", "close"),
    droppedLine("te", "trailers"),
    droppedLine("upgrade", "h2c"),
    [
      "a transfer-encoding that nobody knows is not kept, and nobody is asked anew for it",
      second("cache", says(HOUR, { "transfer-encoding": "unheard-of", connection: "close" }), {
        body: "answer 1",
        has: { "transfer-encoding": "chunked" },
      }),
    ],
    // RFC 9111 would allow it; a session handed to strangers is never what an origin meant: ADR 21.
    droppedLine("set-cookie", "a=b"),
    [
      "what Connection names is not kept",
      second("cache", says(HOUR, { connection: "x-a, x-b", "x-a": "1", "x-b": "2", "x-c": "3" }), {
        has: { "x-a": null, "x-b": null, "x-c": "3" },
      }),
    ],
    ["Date stays", second("cache", says(HOUR, { date: "@-60" }), { has: { date: /GMT$/, age: /^6[0-2]$/ } })],
  ],
  "who may have it": [
    [
      "not with credentials",
      [{ origin: says(HOUR), headers: { authorization: "Basic YTpi" }, from: "origin" }, { from: "origin" }],
    ],
    ...["public", "must-revalidate", "s-maxage=3600"].map(
      (word): CacheCase => [
        `with credentials, when it is ${word}`,
        [
          { origin: says(`${HOUR}, ${word}`), headers: { authorization: "Basic YTpi" }, from: "origin" },
          { from: "cache" },
        ],
      ],
    ),
    [
      "a cookie of a viewer changes nothing",
      [
        { origin: says(HOUR), headers: { cookie: "a=1" }, from: "origin" },
        { headers: { cookie: "a=2" }, from: "cache" },
      ],
    ],
    [
      "a viewer's no-cache and Pragma do not reach the origin's door",
      second("cache", says(HOUR), { headers: { "cache-control": "no-cache", pragma: "no-cache" } }),
    ],
  ],
  "unsafe methods (RFC 9111 § 4.4)": ["POST", "PUT", "DELETE", "PATCH"].flatMap(unsafe),
};

playOnBoth(THEMES);
