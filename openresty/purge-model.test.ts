// Purges of every kind in any order on a real edge, beside a model of what may still be served: never older, and while nothing
// is forgotten, never newer than need be.
import { randomUUID } from "node:crypto";
import { request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FeedRecord, frame, type PurgeBody } from "../agents/contract.ts";
import { startTestSites, type TestSite, type TestSites } from "./test-site.ts";

const SEEDS = [1, 2];
const STEPS = 250;
const PATHS = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/d", "/d?x=1", "/d?x=2", "/e/f/g/h"];
const TAGS = ["one", "two", "three"];

let sites: TestSites;
// What the origin answers with: how many answers and purges there were before.
let now = 0;

beforeAll(async () => {
  sites = await startTestSites({ workers: 2 });
  sites.origin.handle(({ url }, response) => {
    now += 1;
    const headers = { "cache-control": "max-age=600", vary: "X-Kind", "surrogate-key": tagsOf(url).join(" ") };
    response.writeHead(200, headers).end(`${now}`);
  });
});

afterAll(async () => {
  await sites?.stop();
});

const tagsOf = (url: string) => TAGS.filter((tag) => (url.length + tag.length) % 3 > 0);

/** A generator of the same numbers for the same seed (mulberry32). */
function chances(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number) => Math.floor(next() * count);
  return {
    below,
    of: <T>(list: readonly [T, ...T[]] | readonly T[], otherwise: T): T => list[below(list.length)] ?? otherwise,
  };
}

type Wanted = Pick<PurgeBody, "all" | "urls" | "prefixes" | "tags">;

/** A distribution, and since when what is stored of it counts. */
function watched(site: TestSite) {
  const purges: { readonly wanted: Wanted; readonly at: number }[] = [];
  const stored = new Map<string, number>();
  const isMeant = ({ all, urls = [], prefixes = [], tags = [] }: Wanted, path: string) =>
    all === true ||
    urls.some((url) => url === path || url === path.split("?")[0]) ||
    prefixes.some((prefix) => path.startsWith(prefix)) ||
    tags.some((tag) => tagsOf(path).includes(tag));
  const since = (path: string) =>
    Math.max(0, ...purges.filter(({ wanted }) => isMeant(wanted, path)).map(({ at }) => at));
  return {
    record(wanted: Wanted): FeedRecord {
      now += 1;
      purges.push({ wanted, at: now });
      const body: PurgeBody = {
        format: 1,
        distribution: site.distribution.id,
        epoch: 1_700_000_000_000 + now,
        ...wanted,
      };
      return sites.feed.putBody(randomUUID(), JSON.stringify(body), "purge");
    },
    document: () => sites.feed.put(site.distribution),
    /** Whether the answer is one that may be served, and whether it came from the cache when it could. */
    async ask(path: string, kind: string) {
      const expected = stored.get(path + kind) ?? -1;
      const reply = await request(`http://127.0.0.1:${sites.edge.httpPort}${path}`, {
        headers: { host: site.host, "x-kind": kind },
      });
      const served = Number(await reply.body.text());
      stored.set(path + kind, served);
      const isKept = expected >= since(path) && expected > 0;
      return { isOld: served < since(path), isNeedless: isKept && reply.headers["x-cache"] !== "HIT" };
    },
  };
}

function someThing(chance: ReturnType<typeof chances>): Wanted {
  const kind = chance.below(8);
  if (kind === 0) return { all: true };
  if (kind < 4) return { urls: [chance.of(PATHS, "/")] };
  if (kind < 6) return { prefixes: [chance.of(["/", "/a/", "/a/b/", "/e/f/"], "/")] };
  return { tags: [chance.of(TAGS, "one")] };
}

test.each(SEEDS)("whatever is purged, exactly that is asked for anew (%i)", async (seed) => {
  const chance = chances(seed);
  const both = [watched(await sites.serve()), watched(await sites.serve())] as const;
  for (let step = 0; step < STEPS; step += 1) {
    const one = chance.of(both, both[0]);
    if (chance.below(8) === 0) await sites.edge.apply([one.record(someThing(chance))]);
    else {
      const path = chance.of(PATHS, "/");
      expect(await one.ask(path, `${chance.below(2)}`), `${path} in step ${step}`).toEqual({
        isOld: false,
        isNeedless: false,
      });
    }
  }
});

test.each(SEEDS)("whatever the edge forgets meanwhile, nothing that was purged is served (%i)", async (seed) => {
  const chance = chances(seed);
  const one = watched(await sites.serve());
  const journal: FeedRecord[] = [one.document()];
  for (let step = 0; step < STEPS; step += 1) {
    const happens = chance.below(40);
    if (happens === 0) {
      await sites.edge.writeState({ journal: journal.map(frame).join("") });
      await sites.edge.restart();
      await sites.edge.pin({ [`origin.test:${sites.origin.port}`]: ["127.0.0.1"] });
    } else if (happens === 1) await sites.edge.reload();
    else if (happens < 7) {
      const record = one.record(someThing(chance));
      journal.push(record);
      await sites.edge.apply([record]);
    } else {
      const path = chance.of(PATHS, "/");
      expect(await one.ask(path, `${chance.below(2)}`), `${path} in step ${step}`).toMatchObject({ isOld: false });
    }
  }
});
