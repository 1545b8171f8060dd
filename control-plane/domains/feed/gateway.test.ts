import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHANGES_BYTES_MAX, type ChangesReply, changesReplySchema } from "../../../agents/contract.ts";
import { startTestRedis, type TestService } from "../../../platform/embedded/test-services.ts";
import { connectDatabase } from "../../database/connection.ts";
import { problemOf } from "../../http/render-problem.ts";
import { renumberDeployments } from "../deployment/store.ts";
import {
  aDocument,
  append,
  createGroup,
  createScope,
  createTestWorld,
  feedIdOf,
  log,
  recordsOf,
  scopeOf,
  type TestWorld,
} from "../deployment/test-world.ts";
import { announceOver, listenForChanges } from "./channel.ts";
import { createSharedMemory } from "./claim-memory.ts";
import { createFeedRebuild } from "./feed.ts";
import { type FeedGateway, startFeedGateway } from "./gateway.ts";
import { createTestDoor } from "./test-door.ts";

const DAY_MS = 86_400_000;
let world: TestWorld;
let gateway: FeedGateway;
let feedId: string;

beforeAll(async () => {
  world = await createTestWorld();
  feedId = await feedIdOf(world);
  gateway = startFeedGateway({ db: world.db, clock: world.clock, log });
});
afterAll(async () => {
  await gateway?.part.stop();
  await world?.stop();
});

interface Question {
  readonly since: number;
  readonly waitMs?: number;
  readonly feedId?: string;
  readonly signal?: AbortSignal;
  readonly of?: FeedGateway;
  readonly edgeId?: string;
}

async function ask(scope: string, question: Question): Promise<ChangesReply | undefined> {
  const { since, waitMs = 0, signal = new AbortController().signal, of = gateway } = question;
  const edge = { edgeId: question.edgeId ?? randomUUID(), scope };
  const answer = await of.changes(edge, { feedId: question.feedId ?? feedId, since, waitMs }, signal);
  if (answer === undefined) return undefined;
  expect(answer.length).toBeLessThanOrEqual(CHANGES_BYTES_MAX);
  return changesReplySchema.parse(JSON.parse(answer.toString()));
}

/** Everything after a revision up to the newest, page by page. */
async function askAll(scope: string, since: number): Promise<ChangesReply[]> {
  const { rev } = await scopeOf(world, scope);
  const pages: ChangesReply[] = [];
  for (let from = since; from < rev; ) {
    const page = await ask(scope, { since: from, waitMs: 2_000 });
    if (page === undefined) throw new Error(`nothing after ${from}`);
    pages.push(page);
    from = page.to;
  }
  return pages;
}

async function caughtUp(scope: string): Promise<number> {
  const { rev } = await scopeOf(world, scope);
  await expect.poll(() => ask(scope, { since: rev }), { timeout: 3_000 }).toBeUndefined();
  return rev;
}

describe("an agent that asks for changes", () => {
  test("gets those after its revision, and nothing when there are none", async () => {
    const scope = await createScope(world);
    const [first, second] = [aDocument(), aDocument()];
    await append(world, scope, [first, second]);
    const reply = await ask(scope, { since: 0, waitMs: 2_000 });
    expect(reply).toMatchObject({ feed_id: feedId, from: 0, to: 2, more: false, checkpoint: 0 });
    expect(reply?.records).toMatchObject([
      { id: first.id, rev: 1, body: first.body },
      { id: second.id, rev: 2, body: second.body },
    ]);
    expect((await ask(scope, { since: 1 }))?.records.map(({ rev }) => rev)).toEqual([2]);
    expect(await ask(scope, { since: 2 })).toBeUndefined();
  });

  test("waits for a group's first record too", async () => {
    const scope = await createGroup(world);
    const waiting = ask(scope, { since: 0, waitMs: 5_000 });
    await append(world, scope, [aDocument()]);
    expect((await waiting)?.records).toHaveLength(1);
  });

  test("gets only the newest of each kind and id, and tombstones", async () => {
    const scope = await createScope(world);
    const [changed, removed] = [aDocument(), aDocument()];
    await append(world, scope, [changed, removed]);
    const since = await caughtUp(scope);
    await append(world, scope, [aDocument({ id: changed.id, sourceVersion: 2 })]);
    await append(world, scope, [aDocument({ id: removed.id, op: "del", body: "", sourceVersion: 2 })]);
    await append(world, scope, [aDocument({ id: changed.id, sourceVersion: 3 })]);
    const to = await caughtUp(scope);
    for (const from of [0, since]) {
      const records = (await ask(scope, { since: from }))?.records;
      expect(records?.map(({ op, rev }) => ({ op, rev }))).toEqual([
        { op: "del", rev: to - 1 },
        { op: "put", rev: to },
      ]);
    }
  });

  test("gets much in parts of at most 4 MB, without gap or repetition", async () => {
    const scope = await createScope(world);
    // Quotes double when they are encoded.
    const body = JSON.stringify({ text: '"'.repeat(8_000) });
    for (let batch = 0; batch < 4; batch += 1) {
      await append(
        world,
        scope,
        Array.from({ length: 250 }, (_, index) => aDocument({ body: body + index })),
      );
    }
    const pages = await askAll(scope, 0);
    expect(pages.length).toBeGreaterThan(3);
    expect(pages.flatMap(({ records }) => records.map(({ rev }) => rev))).toEqual(
      Array.from({ length: 1_000 }, (_, index) => index + 1),
    );
  });

  test("hears nothing within its time, or when it goes away", async () => {
    const scope = await createScope(world);
    expect(await ask(scope, { since: 0, waitMs: 50 })).toBeUndefined();
    const leaving = new AbortController();
    const waiting = ask(scope, { since: 0, waitMs: 60_000, signal: leaving.signal });
    leaving.abort();
    expect(await waiting).toBeUndefined();
  });
});

describe("an agent that waits", () => {
  test("without Redis hears of a change within 1.1 s", async () => {
    const scope = await createScope(world);
    await caughtUp(scope);
    const waiting = ask(scope, { since: 0, waitMs: 10_000 });
    await append(world, scope, [aDocument()]);
    const appendedAt = performance.now();
    expect((await waiting)?.records).toHaveLength(1);
    expect(performance.now() - appendedAt).toBeLessThan(1_100);
  });

  describe("with Redis", () => {
    let service: TestService;
    let publisher: Redis;
    let subscriber: Redis;
    let announce: (scope: string) => void;
    beforeAll(async () => {
      service = await startTestRedis();
      publisher = new Redis(service.url);
      subscriber = new Redis(service.url);
      for (const redis of [publisher, subscriber]) redis.on("error", () => {});
      listenForChanges(subscriber, gateway.wake);
      announce = announceOver(publisher);
    });
    afterAll(async () => {
      publisher?.disconnect();
      subscriber?.disconnect();
      await service?.stop();
    });

    test("hears of a change within 50 ms, with a hundred others", async () => {
      const subscribers = async () => (await publisher.pubsub("NUMSUB", "edgewright:feed"))[1];
      await expect.poll(subscribers).toBe(1);
      const scope = await createScope(world);
      await caughtUp(scope);
      const delays: number[] = [];
      for (let since = 0; since < 10; since += 1) {
        const waiting = Promise.all(Array.from({ length: 100 }, () => ask(scope, { since, waitMs: 10_000 })));
        await append(world, scope, [aDocument()]);
        const appendedAt = performance.now();
        announce(scope);
        const replies = await waiting;
        delays.push(performance.now() - appendedAt);
        expect(replies.every((reply) => reply?.records.length === 1)).toBe(true);
      }
      // The median: this machine has other work too.
      expect(delays.sort((a, b) => a - b)[5]).toBeLessThan(50);
    });

    test("does not miss a change while Redis is away", async () => {
      const scope = await createScope(world);
      await caughtUp(scope);
      publisher.disconnect();
      const waiting = ask(scope, { since: 0, waitMs: 10_000 });
      await append(world, scope, [aDocument()]);
      announce(scope);
      expect((await waiting)?.records).toHaveLength(1);
    });
  });

  test("misses nothing while two writers append and others ask from all over", async () => {
    const scope = await createScope(world);
    const total = 600;
    const writer = async () => {
      for (let count = 0; count < total / 2; count += 1) await append(world, scope, [aDocument()]);
    };
    const follower = async () => {
      const seen: number[] = [];
      for (let since = 0; since < total; ) {
        const reply = await ask(scope, { since, waitMs: 5_000 });
        seen.push(...(reply?.records.map(({ rev }) => rev) ?? []));
        since = reply?.to ?? since;
      }
      return seen;
    };
    const waker = setInterval(() => gateway.wake(scope), 7);
    const [one, other] = await Promise.all([follower(), follower(), writer(), writer()]);
    clearInterval(waker);
    const all = Array.from({ length: total }, (_, index) => index + 1);
    expect(one).toEqual(all);
    expect(other).toEqual(all);
  });
});

describe("an agent is told to begin again", () => {
  test("when it follows another feed", async () => {
    const scope = await createScope(world);
    await expect(ask(scope, { since: 0, feedId: randomUUID() })).rejects.toMatchObject({ kind: { status: 409 } });
  });

  test("when it is behind forgotten tombstones; but whoever begins at 0 has nothing to forget", async () => {
    const scope = await createScope(world);
    await append(world, scope, [aDocument(), aDocument(), aDocument()]);
    await world.db("feed_scope").where({ scope }).update({ floor_rev: 2 });
    const fresh = startFeedGateway({ db: world.db, clock: world.clock, log });
    try {
      await expect(ask(scope, { since: 1, of: fresh })).rejects.toMatchObject({ kind: { status: 410 } });
      expect((await ask(scope, { since: 2, of: fresh }))?.records).toHaveLength(1);
      expect((await ask(scope, { since: 0, of: fresh }))?.records).toHaveLength(3);
    } finally {
      await fresh.part.stop();
    }
  });
});

test("while Postgres is away an agent gets its error at once, and afterwards the changes", async () => {
  const door = await createTestDoor(world.database.url);
  const { db, part } = connectDatabase(door.url, { poolMax: 3, applicationName: "test" });
  const behindDoor = startFeedGateway({ db, clock: world.clock, log });
  try {
    const scope = await createScope(world);
    expect(await ask(scope, { since: 0, of: behindDoor })).toBeUndefined();
    const waiting = ask(scope, { since: 0, waitMs: 20_000, of: behindDoor });
    await door.close();
    const problem = () => ask(scope, { since: 0, of: behindDoor }).catch((error: unknown) => problemOf(error).body());
    const missing = { status: 503, detail: expect.stringContaining("database") };
    await expect.poll(problem, { timeout: 8_000 }).toMatchObject(missing);
    await append(world, scope, [aDocument()]);
    await door.open();
    expect((await waiting)?.records).toHaveLength(1);
  } finally {
    await behindDoor.part.stop();
    await part.stop();
    await door.close();
  }
});

/** What a worker does with a feed that was made anew. */
async function rebuild(): Promise<string> {
  const made = await feedIdOf(world);
  await createFeedRebuild({ ...world, announce: () => {}, renumber: renumberDeployments })(
    made,
    new AbortController().signal,
  );
  return made;
}

describe("an agent that knows more than the database", () => {
  test("reveals a restore: a new feed at once, however young the old one is", async () => {
    const scope = await createScope(world);
    await append(world, scope, [aDocument()]);
    const known = await feedIdOf(world);
    const ahead = () =>
      expect(ask(scope, { since: 99, feedId: known })).rejects.toMatchObject({ kind: { status: 409 } });
    await ahead();
    const made = await feedIdOf(world);
    expect(made).not.toBe(known);
    // The other edges of that feed come after it was made anew: once is enough.
    await ahead();
    expect(await feedIdOf(world)).toBe(made);
    expect((await world.db("outbox").where({ job: "feed.rebuild" })).length).toBe(1);
    // Nothing is signed for the new feed yet.
    await expect(ask(scope, { since: 0, feedId: made })).rejects.toMatchObject({ kind: { status: 503 } });
    expect(await recordsOf(world, scope)).toMatchObject([{ feed_id: known }]);
  });

  test("has everything purged only where a second edge of the same feed is ahead of it too", async () => {
    const [scope, other] = [await createScope(world), await createScope(world)];
    await append(world, scope, [aDocument()]);
    await append(world, other, [aDocument()]);
    await world.db("outbox").where({ job: "feed.restored" }).delete();
    const purges = () => world.db("outbox").where({ job: "feed.restored" });
    const known = await rebuild();
    const claim = (of: string, since: number, edgeId: string = randomUUID()) =>
      ask(of, { since, edgeId, feedId: known }).catch((error: unknown) => problemOf(error).body());
    const liar = randomUUID();
    await expect.poll(() => claim(scope, 9e15, liar), { timeout: 5_000 }).toMatchObject({ status: 409 });
    expect(await feedIdOf(world)).not.toBe(known);
    await claim(other, 9e15, liar);
    // As far as the feed went, and no further.
    await claim(other, (await scopeOf(world, other)).rev);
    expect(await purges()).toEqual([]);
    await claim(other, 99);
    await claim(scope, 99);
    expect(await purges()).toMatchObject([{ payload: { after: null } }]);
  });

  test("is believed with a second edge that told another process, and purges once", async () => {
    const redisServer = await startTestRedis();
    const redis = new Redis(redisServer.url);
    const claimed = createSharedMemory({ redis, log });
    const processes = [1, 2].map(() => startFeedGateway({ db: world.db, clock: world.clock, claimed, log }));
    try {
      const scope = await createScope(world);
      await append(world, scope, [aDocument()]);
      const known = await rebuild();
      await world.db("outbox").where({ job: "feed.restored" }).delete();
      const purges = () => world.db("outbox").where({ job: "feed.restored" });
      const edges = [randomUUID(), randomUUID(), randomUUID()];
      const claim = (edgeId: string, of: FeedGateway | undefined) =>
        ask(scope, { since: 99, edgeId, feedId: known, ...(of && { of }) }).catch((error) => problemOf(error).body());
      const [one, other] = processes;
      await expect.poll(() => claim(edges[0] ?? "", one), { timeout: 15_000 }).toMatchObject({ status: 409 });
      expect(await purges()).toEqual([]);
      for (const edgeId of edges) await claim(edgeId, other);
      expect(await purges()).toHaveLength(1);

      // What the first edge had made anew, it does not have made anew again by the other process.
      const next = await rebuild();
      const again = () =>
        ask(scope, { since: 9_999, edgeId: edges[0] ?? "", feedId: next, ...(other && { of: other }) });
      const answer = () => again().catch((error) => problemOf(error).body());
      await expect
        .poll(answer, { timeout: 15_000 })
        .toMatchObject({ detail: expect.stringContaining("ahead of the feed") });
      expect(await feedIdOf(world)).toBe(next);
    } finally {
      for (const { part } of processes) await part.stop();
      redis.disconnect();
      await redisServer.stop();
    }
  });

  test("is not believed twice within ten minutes, while another edge is", async () => {
    const scope = await createScope(world);
    await append(world, scope, [aDocument()]);
    const [broken, honest] = [randomUUID(), randomUUID()];
    const statusFor = async (edgeId: string) => {
      const known = await rebuild();
      const isReady = () => ask(scope, { since: 0, feedId: known }).then((reply) => reply?.feed_id);
      await expect.poll(() => isReady().catch(() => undefined), { timeout: 5_000 }).toBe(known);
      const question = { since: 9_999, edgeId, feedId: known };
      const answer = await ask(scope, question).catch((error: unknown) => problemOf(error).body());
      return { answer, renewed: (await feedIdOf(world)) !== known };
    };
    expect(await statusFor(broken)).toMatchObject({ answer: { status: 409 }, renewed: true });
    const declined = { status: 503, detail: expect.stringContaining("ahead of the feed") };
    expect(await statusFor(broken)).toMatchObject({ answer: declined, renewed: false });
    expect(await statusFor(honest)).toMatchObject({ answer: { status: 409 }, renewed: true });
    world.passTime(DAY_MS);
    expect(await statusFor(broken)).toMatchObject({ answer: { status: 409 }, renewed: true });
  });
});
