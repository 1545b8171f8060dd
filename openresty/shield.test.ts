// The origin shield, between real edges: what a child lacks comes from an edge of the parent group, over TLS with
// certificates on both sides.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestShield, type TestShield } from "./test-shield.ts";
import { answering } from "./test-site.ts";
import type { Answer } from "./test-viewer.ts";

let shield: TestShield;

function cacheStatus({ lines }: Answer): string[] {
  return lines.filter((line) => /^cache-status:/i.test(line)).map((line) => line.slice(line.indexOf(":") + 2));
}

beforeAll(async () => {
  shield = await startTestShield({ parents: 2, children: 2 });
});
afterAll(() => shield.stop());

describe("a miss", () => {
  test("goes to a parent, and the origin is asked once for all children", async () => {
    const [one, other] = shield.children;
    if (one === undefined || other === undefined) throw new Error("two children are wanted");
    shield.origin.handle(answering({ "cache-control": "max-age=60" }));
    const site = await shield.serve();
    const seen = shield.origin.seen.length;
    const first = await site.ask(one, "/a");
    expect(first.status).toBe(200);
    expect(cacheStatus(first)).toEqual(["edgewright-parent; fwd=uri-miss", "edgewright; fwd=uri-miss"]);
    const second = await site.ask(other, "/a");
    expect(cacheStatus(second)).toEqual(["edgewright-parent; hit", "edgewright; fwd=uri-miss"]);
    const third = await site.ask(one, "/a");
    expect(third.headers["x-cache"]).toBe("HIT");
    expect(shield.origin.seen.length - seen).toBe(1);
  });
});
