import { describe, expect, test } from "vitest";
import { canonicalTarget, readPrefix, readTarget, statusOf } from "./rules.ts";

const hosts = ["www.example.com", "x.cdn.edgewright.localhost"];
const wild = ["*.example.com", "x.cdn.edgewright.localhost"];

describe("a target is spelt as the edge spells it", () => {
  test.each([
    ["/", "/"],
    ["/a/b.css?x=1&y=%20", "/a/b.css?x=1&y=%20"],
    ["/%61%2d%7E/%c3%a4?q=%61", "/a-~/%C3%A4?q=%61"],
    ['/ä"<>', "/%C3%A4%22%3C%3E"],
    ["/a b", "/a%20b"],
    ["/a?ü", "/a?%C3%BC"],
    ["/a?/../", "/a?/../"],
    ["/...", "/..."],
  ])("%s is %s", (written, spelt) => {
    expect(canonicalTarget(written)).toBe(spelt);
    expect(canonicalTarget(spelt)).toBe(spelt);
  });

  test.each(["", "*", "a", "/%2f", "/a%5Cb", "/a\\b", "/%00", "/a/../b", "/a/./b", "/..", "/%2e%2e/x", "/%", "/%zz"])(
    "%j has no one reading",
    (written) => expect(canonicalTarget(written)).toBeUndefined(),
  );
});

describe("a URL", () => {
  test.each([
    ["https://www.example.com/a?b#c", hosts, "/a?b"],
    ["HTTP://WWW.Example.com:8443", hosts, "/"],
    ["http://www.example.com?x=1", hosts, "/?x=1"],
    ["https://x.cdn.edgewright.localhost/a", hosts, "/a"],
    ["https://shop.example.com/a", wild, "/a"],
    ["/news#top", hosts, "/news"],
  ])("%s names %s", (url, on, target) => expect(readTarget(url, on)).toEqual({ target }));

  test.each([
    ["https://elsewhere.example.com/a", "must be on a host of this distribution: www.example.com or"],
    ["https://user@www.example.com/a", "must be on a host"],
    ["news", "must begin with /"],
    ["ftp://www.example.com/", "must begin with /"],
    ["/a\nb", "control characters"],
    ["/a/../b", "no one reading"],
    ["\ud800/", "control characters"],
  ])("%j is refused with the cure", (url, fault) =>
    expect(readTarget(url, hosts)).toEqual({ fault: expect.stringContaining(fault) }),
  );

  test("on a name two labels below a wildcard is not the distribution's", () => {
    expect(readTarget("https://a.b.example.com/", wild)).toHaveProperty("fault");
  });
});

describe("a prefix", () => {
  test.each([
    ["/", "/"],
    ["/pictures/%7Eann/", "/pictures/~ann/"],
  ])("%s names %s", (prefix, target) => expect(readPrefix(prefix)).toEqual({ target }));

  test.each([
    ["pictures/", "begins with /"],
    ["/pictures", "end with /"],
    ["/pictures?x/", "without ? and #"],
    ["/a/../", "no one reading"],
  ])("%s is refused with the cure", (prefix, fault) =>
    expect(readPrefix(prefix)).toEqual({ fault: expect.stringContaining(fault) }),
  );
});

describe("a purge", () => {
  const done = { isDone: true, isLive: true };
  const waiting = { isDone: false, isLive: true };
  const away = { isDone: false, isLive: false };
  test.each([
    ["waits for a worker", undefined, "pending"],
    ["is done where nobody serves the distribution", [], "done"],
    ["is done when all groups have it", [done, done], "done"],
    ["is under way while one has not", [done, waiting], "purging"],
    ["does not wait for a group that is away", [done, away], "done"],
    ["waits for one that is away when there is no other", [away], "purging"],
  ])("%s", (_, deliveries, status) => expect(statusOf(deliveries)).toBe(status));
});
