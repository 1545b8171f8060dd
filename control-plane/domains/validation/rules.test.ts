import { describe, expect, test } from "vitest";
import type { Looked, View } from "./observation.ts";
import { pointingRecords, tokenRecord } from "./records.ts";
import {
  type Contender,
  isApex,
  isRenewalStopped,
  nextLookMs,
  type Presence,
  pointingOf,
  presenceAfter,
  proofOf,
  servingOf,
  tokenNameOf,
} from "./rules.ts";

const CNAME = "aaaa.cdn.example.net";
const TOKEN = "edgewright-verify=0123";
const EDGES = new Set(["192.0.2.1", "2001:db8::1"]);

const found = (...values: string[]): Looked => (values.length > 0 ? { kind: "found", values } : { kind: "nothing" });
const failed: Looked = { kind: "failed", reason: "did not answer" };
const view = (said: Partial<View>): View => ({
  ...{ resolver: "192.0.2.53:53", chain: found(), ipv4: found(), ipv6: found(), texts: found(), delegation: found() },
  targets: new Map(),
  ...said,
});
const away = view({ chain: failed, ipv4: failed, ipv6: failed, texts: failed });

describe("where a name leads", () => {
  const here = { cname: CNAME, edges: EDGES, foreign: new Set(["foreign.cdn.example.net"]) };
  const by = (...views: View[]) => pointingOf({ views }, { ...here, vouched: null });

  test("by a CNAME to the own target, also over others, and whatever the addresses are", () => {
    expect(by(view({ chain: found(CNAME) }))).toEqual({ agreement: "yes", by: "cname" });
    const chained = view({ chain: found("www.example.org", CNAME), ipv4: found("198.51.100.9") });
    expect(by(chained)).toEqual({ agreement: "yes", by: "cname" });
    expect(by(view({ chain: found("bbbb.cdn.example.net") })).agreement).toBe("no");
  });

  test("by addresses only if every one is an edge, known or what the target resolves to", () => {
    expect(by(view({ ipv4: found("192.0.2.1"), ipv6: found("2001:db8::1") })).by).toBe("address");
    expect(by(view({ ipv4: found("192.0.2.1", "198.51.100.9") })).agreement).toBe("no");
    expect(by(view({ ipv4: found("192.0.2.1"), ipv6: found("2001:db8::9") })).agreement).toBe("no");
    const targets = new Map([[CNAME, ["203.0.113.4"]]]);
    expect(by(view({ ipv4: found("203.0.113.4"), targets })).by).toBe("address");
    expect(by(view({})).agreement).toBe("no");
  });

  test("by the token of an apex whose addresses nobody here knows, where edges answer at them", () => {
    const answering = { by: TOKEN, addresses: new Set(["203.0.113.8"]) };
    const vouched = (...views: View[]) => pointingOf({ views }, { ...here, vouched: answering });
    const alias = view({ ipv4: found("203.0.113.8", "192.0.2.1"), texts: found("v=spf1", TOKEN) });
    expect(vouched(alias)).toEqual({ agreement: "yes", by: "token" });
    expect(vouched(alias, view({ ipv4: found("203.0.113.8") })).agreement).toBe("mixed");
    expect(vouched(view({ ...alias, ipv4: found("203.0.113.8", "203.0.113.9") })).agreement).toBe("no");
    expect(vouched(view({ ...alias, texts: found("v=spf1") })).agreement).toBe("no");
    expect(vouched(view({ ...alias, texts: failed })).agreement).toBe("unknown");
    expect(vouched(view({ texts: found(TOKEN) })).agreement).toBe("no");
    expect(vouched(view({ ...alias, chain: found("foreign.cdn.example.net") })).agreement).toBe("no");
    expect(by(alias).agreement).toBe("no");
  });

  test("over another account's target it leads to them, whatever the addresses are", () => {
    const led = (target: string) => view({ chain: found(target), ipv4: found("192.0.2.1") });
    expect(by(led("foreign.cdn.example.net")).agreement).toBe("no");
    expect(by(led("former.cdn.example.net")).by).toBe("address");
  });

  test("resolvers that are away say nothing; those that differ say that it changes", () => {
    const here = view({ chain: found(CNAME) });
    expect(by(away).agreement).toBe("unknown");
    expect(by(away, here).agreement).toBe("yes");
    expect(by(view({}), here).agreement).toBe("mixed");
    expect(by().agreement).toBe("unknown");
    expect(by(view({ ipv4: found("192.0.2.1"), ipv6: failed })).agreement).toBe("unknown");
  });
});

describe("what is proven", () => {
  const proof = (before: "none" | "token" | "cname", ...views: View[]) =>
    proofOf({ views }, { cname: CNAME, token: TOKEN }, before);

  test("a CNAME counts more than a token, and a token more than nothing", () => {
    expect(proof("none", view({ chain: found(CNAME), texts: found(TOKEN) }))).toBe("cname");
    expect(proof("none", view({ texts: found("v=spf1 -all", TOKEN) }))).toBe("token");
    expect(proof("token", view({ texts: found("edgewright-verify=4567") }))).toBe("none");
    expect(proof("cname", view({ ipv4: found("192.0.2.1") }))).toBe("none");
  });

  test("while resolvers differ, or most of them are away, what was proven stays", () => {
    const here = view({ chain: found(CNAME) });
    expect(proof("none", here, view({}))).toBe("none");
    expect(proof("cname", here, view({}))).toBe("cname");
    expect(proof("cname", away)).toBe("cname");
    expect(proof("none", here, away)).toBe("none");
    expect(proof("none", here, here, away)).toBe("cname");
    expect(proof("token", view({ texts: failed }))).toBe("token");
  });
});

describe("of several claims", () => {
  const at = (minute: number) => new Date(Date.UTC(2026, 10, 20, 12, minute));
  const claim = (id: string, more: Partial<Contender> = {}): Contender => ({
    ...{ id, proof: "none", provenAt: null, isServing: false, createdAt: at(0) },
    ...more,
  });
  const winner = (...claims: Contender[]) => servingOf(claims)?.id;

  test("the better proof serves, whoever was first", () => {
    const first = claim("first", { isServing: true });
    expect(winner(first, claim("second", { proof: "token", provenAt: at(5) }))).toBe("second");
    expect(winner({ ...first, proof: "token" }, claim("second", { proof: "cname" }))).toBe("second");
    expect(winner({ ...first, proof: "cname" }, claim("second", { proof: "token" }))).toBe("first");
  });

  test("of equal proofs who serves stays, however often it is asked: nothing flaps", () => {
    for (const proof of ["none", "token", "cname"] as const) {
      let claims = [claim("b", { proof, isServing: true, provenAt: at(9) }), claim("a", { proof, provenAt: at(1) })];
      for (let round = 0; round < 3; round += 1) {
        const serving = winner(...claims);
        expect(serving).toBe("b");
        claims = claims.map((one) => ({ ...one, isServing: one.id === serving })).reverse();
      }
    }
  });

  test("where nobody serves, who proved it first does, else who claimed it first", () => {
    const [early, late] = [claim("early", { createdAt: at(1) }), claim("late", { createdAt: at(2) })];
    expect(winner(late, early)).toBe("early");
    const slow = { ...early, proof: "token", provenAt: at(8) } as const;
    const quick = { ...late, proof: "token", provenAt: at(7) } as const;
    expect(winner(slow, quick)).toBe("late");
    expect(winner()).toBeUndefined();
  });
});

describe("when and how long", () => {
  const MINUTE_MS = 60_000;
  const day = (count: number) => new Date(Date.UTC(2026, 10, 1) + count * 24 * 60 * MINUTE_MS);
  const here: Presence = { pointingSince: day(0), awaySince: null, warnedAt: null };
  const never: Presence = { pointingSince: null, awaySince: null, warnedAt: null };

  test("a minute after the first failure, doubling to an hour; a day when all is well", () => {
    expect([1, 2, 3, 6, 7, 500].map((failures) => nextLookMs(failures) / MINUTE_MS)).toEqual([1, 2, 4, 32, 60, 60]);
    expect(nextLookMs(0)).toBe(24 * 60 * MINUTE_MS);
  });

  test("a name that goes away is warned of after a day, once, and stopped after seven", () => {
    const gone = presenceAfter(here, "no", day(1));
    expect(gone).toEqual({ presence: { ...never, awaySince: day(1) }, event: null });
    expect(presenceAfter(gone.presence, "no", day(1.9)).event).toBeNull();
    const warned = presenceAfter(gone.presence, "no", day(2));
    expect(warned).toEqual({ presence: { ...never, awaySince: day(1), warnedAt: day(2) }, event: "warn" });
    expect(presenceAfter(warned.presence, "no", day(5))).toEqual({ presence: warned.presence, event: null });
    expect([7.9, 8].map((count) => isRenewalStopped(warned.presence, day(count)))).toEqual([false, true]);
    expect(presenceAfter(warned.presence, "yes", day(9))).toEqual({
      ...{ presence: { ...never, pointingSince: day(9) }, event: "returned" },
    });
  });

  test("what nobody knows changes nothing, and a name that never was here is not missed", () => {
    for (const agreement of ["unknown", "mixed"] as const) {
      expect(presenceAfter(here, agreement, day(9))).toEqual({ presence: here, event: null });
    }
    expect(presenceAfter(never, "no", day(9))).toEqual({ presence: never, event: null });
    expect(presenceAfter(never, "yes", day(9)).event).toBe("arrived");
    expect(isRenewalStopped(never, day(900))).toBe(false);
  });
});

describe("the records to add", () => {
  test("the top of a zone gets addresses, what is below it a CNAME", () => {
    expect(isApex("example.co.uk")).toBe(true);
    expect(isApex("xn--bcher-kva.example")).toBe(true);
    expect(isApex("www.example.co.uk")).toBe(false);
    expect(isApex("*.example.com")).toBe(false);
    expect(pointingRecords("www.example.com", CNAME, [...EDGES])).toEqual([
      { type: "CNAME", name: "www.example.com", value: CNAME },
    ]);
    expect(pointingRecords("example.com", CNAME, [...EDGES])).toEqual([
      { type: "A", name: "example.com", value: "192.0.2.1" },
      { type: "AAAA", name: "example.com", value: "2001:db8::1" },
    ]);
    expect(pointingRecords("*.example.com", CNAME, [])).toEqual([
      { type: "CNAME", name: "*.example.com", value: CNAME },
    ]);
  });

  test("a wildcard's token stands beside that of its base name", () => {
    expect(tokenRecord("*.example.com", "0123")).toEqual({
      ...{ type: "TXT", name: "_edgewright.example.com", value: "edgewright-verify=0123" },
    });
    expect(tokenNameOf("example.com")).toBe("_edgewright.example.com");
  });
});
