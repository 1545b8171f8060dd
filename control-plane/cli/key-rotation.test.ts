import { fork } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { createLogger } from "../../platform/log.ts";
import { createSeal, masterKey } from "../../platform/seal.ts";
import { countByMasterKey } from "../database/sealed-columns.ts";
import { createTestDatabase, type TestDatabase } from "../database/test-database.ts";
import { inTransaction } from "../database/transaction.ts";
import { createPost } from "../domains/mail/index.ts";
import { type KeyRotation, rotateKeys } from "./key-rotation.ts";
import type { Order } from "./test-key-holder.ts";
import { localKeys } from "./up/local-keys.ts";

const MINUTE_MS = 60_000;
/** Starting some is most of it. */
const PROCESSES_TIMEOUT_MS = 60_000;
const accountId = randomUUID();
const log = createLogger({ role: "test", level: "silent" });

let database: TestDatabase;
let dataFolder: string;
let keyFile: string;
const running: Holder[] = [];
beforeEach(async () => {
  database = await createTestDatabase();
  await database.db("account").insert({ id: accountId, name: "a" });
  dataFolder = mkdtempSync(join(tmpdir(), "edgewright-rotation-"));
  keyFile = localKeys(dataFolder).masterKeyFile;
  mkdirSync(dirname(keyFile));
  writeFileSync(keyFile, `${aKey()}\n`, { mode: 0o600 });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ stop }) => stop()));
  rmSync(dataFolder, { recursive: true });
  await database.stop();
});

function aKey(): string {
  return randomBytes(32).toString("hex");
}

const idOf = (hex: string) => masterKey(Buffer.from(hex, "hex")).id;
const fileKeys = () => readFileSync(keyFile, "utf8").trim().split("\n");
const afterMinutes = (minutes: number) => new Date(Date.now() + minutes * MINUTE_MS);

function rotate(options: { prune?: boolean; now?: Date; MASTER_KEY?: string } = {}): Promise<KeyRotation> {
  const { prune = false, now = new Date(), MASTER_KEY } = options;
  const config = { DATA_DIR: dataFolder, MASTER_KEY, MASTER_KEY_FILE: keyFile };
  return rotateKeys({ db: database.db, config, prune, now, log, say: () => {} });
}

interface Holder {
  ask(order: Order): Promise<string>;
  stop(): Promise<void>;
}

const answerSchema = z.object({ number: z.int(), answer: z.string().optional(), fault: z.string().optional() });

/** A process of its own, with the keys of a file or of a variable. */
async function startHolder(keys: { MASTER_KEY?: string; MASTER_KEY_FILE?: string }): Promise<Holder> {
  const script = fileURLToPath(new URL("./test-key-holder.ts", import.meta.url));
  const env = { PATH: process.env.PATH, DATABASE_URL: database.url, ...keys };
  const child = fork(script, [], { execArgv: ["--import", "tsx"], env });
  const waiting = new Map<number, { resolve: (answer: string) => void; reject: (fault: Error) => void }>();
  const answerTo = (number: number) =>
    new Promise<string>((resolve, reject) => waiting.set(number, { resolve, reject }));
  child.on("message", (message) => {
    const { number, answer, fault } = answerSchema.parse(message);
    if (answer === undefined) waiting.get(number)?.reject(new Error(fault));
    else waiting.get(number)?.resolve(answer);
    waiting.delete(number);
  });
  await answerTo(0);
  let count = 0;
  const holder: Holder = {
    ask(order) {
      count += 1;
      child.send({ number: count, order });
      return answerTo(count);
    },
    async stop() {
      const exited = once(child, "exit");
      child.disconnect();
      await exited;
    },
  };
  running.push(holder);
  return holder;
}

async function startHolders(keys: { MASTER_KEY?: string; MASTER_KEY_FILE?: string }): Promise<[Holder, Holder]> {
  return Promise.all([startHolder(keys), startHolder(keys)]);
}

/** Each process stores and issues, and each opens and verifies what both did: everything from the beginning on. */
function createTraffic() {
  const stored: { id: string; value: string }[] = [];
  const tokens: string[] = [];

  async function round(holders: readonly Holder[]): Promise<void> {
    for (const { ask } of holders) {
      const value = randomUUID();
      stored.push({ id: await ask({ do: "store", accountId, value }), value });
      tokens.push(await ask({ do: "issue" }));
    }
    for (const { ask } of holders) {
      for (const { id, value } of stored) expect(await ask({ do: "open", accountId, id })).toBe(value);
      for (const token of tokens) expect(await ask({ do: "verify", token })).toMatch(/^[0-9a-f-]{36}$/);
    }
  }

  /** Round after round, from now until after the work is done. */
  async function during<T>(holders: readonly Holder[], work: () => Promise<T>): Promise<T> {
    let isDone = false;
    const rounds = (async () => {
      do await round(holders);
      while (!isDone);
    })();
    try {
      return await work();
    } finally {
      isDone = true;
      await rounds;
    }
  }

  return { round, during, newest: () => stored.at(-1)?.id };
}

async function keyOfSecret(id: string | undefined): Promise<string> {
  const row = await database.db("secret").where({ id }).first();
  return row.sealed.key;
}

describe("under `npm start`", () => {
  test(
    "whatever either of two running processes sealed opens in both, all through two rotations and a pruning",
    async () => {
      const holders = await startHolders({ MASTER_KEY_FILE: keyFile });
      const traffic = createTraffic();
      await traffic.round(holders);
      const [oldest = ""] = fileKeys();
      for (let times = 1; times <= 2; times += 1) {
        const { added } = await traffic.during(holders, () => rotate());
        expect(fileKeys().map(idOf)).toHaveLength(times + 1);
        expect(idOf(fileKeys()[0] ?? "")).toBe(added);
        // What was on its way while the file changed.
        await rotate({ prune: true });
        for (const holder of holders) {
          await traffic.round([holder]);
          expect(await keyOfSecret(traffic.newest())).toBe(added);
        }
      }
      const pruned = await traffic.during(holders, () => rotate({ prune: true, now: afterMinutes(16) }));
      expect(pruned.pruned).toHaveLength(2);
      expect(fileKeys()).toHaveLength(1);
      expect(readFileSync(keyFile, "utf8")).not.toContain(oldest);
      await traffic.round([...holders, await startHolder({ MASTER_KEY_FILE: keyFile })]);
    },
    PROCESSES_TIMEOUT_MS,
  );

  test("a run adds a key and leaves the former one unused; the next adds another", async () => {
    const [former = ""] = fileKeys();
    await storeBy([former]);
    const first = await rotate();
    expect(first).toMatchObject({ rewrapped: 1, former: [{ key: idOf(former), values: 0, jobs: 0 }], pruned: [] });
    expect(first.added).toBe(first.current);
    expect(await countByMasterKey(database.db)).toEqual(new Map([[first.current, 1]]));
    const second = await rotate();
    expect(fileKeys().map(idOf)).toEqual([second.added, first.added, idOf(former)]);
  });

  test("a rotation that was interrupted is finished before another begins", async () => {
    const [former = ""] = fileKeys();
    await storeBy([former]);
    const current = aKey();
    writeFileSync(keyFile, `${current}\n${former}\n`);
    expect(await rotate()).toMatchObject({ added: null, current: idOf(current), rewrapped: 1 });
    expect(fileKeys()).toEqual([current, former]);
    expect((await rotate()).added).not.toBeNull();
  });

  test("a former key is removed no sooner than a quarter of an hour after the last change, and while nothing uses it", async () => {
    const [former = ""] = fileKeys();
    await storeBy([former]);
    const { next } = await rotate();
    expect(next).toMatch(/From \d{4}-.*`edgewright keys:rotate --prune`.*keep a copy/);
    expect(await rotate({ prune: true, now: afterMinutes(14) })).toMatchObject({ pruned: [], next });
    expect(fileKeys()).toHaveLength(2);
    // Sealed by a process that has just begun its transaction: found, and rewrapped first.
    await storeBy([former]);
    const last = await rotate({ prune: true, now: afterMinutes(16) });
    expect(last).toMatchObject({ rewrapped: 1, pruned: [idOf(former)], former: [], next: "No former key is left." });
    expect(fileKeys().map(idOf)).toEqual([last.current]);
    expect(await rotate({ prune: true })).toMatchObject({ pruned: [], rewrapped: 0, added: null });
  });

  test("a key that somebody just put there by hand is as young as the file", async () => {
    const [former = ""] = fileKeys();
    writeFileSync(keyFile, `${aKey()}\n${former}\n`);
    expect((await rotate({ prune: true })).pruned).toEqual([]);
    const long = new Date(Date.now() - 16 * MINUTE_MS);
    utimesSync(keyFile, long, long);
    expect((await rotate({ prune: true })).pruned).toEqual([idOf(former)]);
  });

  test("a former key stays while a letter waits that was sealed with it, and is no reason against a new one", async () => {
    const [former = ""] = fileKeys();
    const letter = { to: "ada@example.com", subject: "Hello", paragraphs: [], closing: "" };
    await inTransaction(database.db, (tx) => createPost(createSeal(Buffer.from(former, "hex"))).post(tx, letter));
    expect(await rotate()).toMatchObject({ rewrapped: 0, former: [{ values: 0, jobs: 1 }] });
    const waiting = await rotate({ prune: true, now: afterMinutes(16) });
    expect(waiting).toMatchObject({ pruned: [], next: expect.stringContaining("is the mail server away?") });
    expect((await rotate()).added).not.toBeNull();
    await database.db("outbox").update({ failed_at: new Date() });
    expect((await rotate({ prune: true, now: afterMinutes(16) })).pruned).toHaveLength(2);
  });

  test("two runs at once: one works, the other says so and changes nothing", async () => {
    const runs = await Promise.allSettled([rotate(), rotate()]);
    expect(runs.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(runs.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { message: expect.stringContaining(`(process ${process.pid}) is at work`) },
    });
    expect(fileKeys()).toHaveLength(2);
  });

  test("when values are sealed with a key that is nowhere, nothing is changed, and the cure is said", async () => {
    const foreign = aKey();
    await storeBy([foreign]);
    await expect(rotate()).rejects.toThrow(`${idOf(foreign)} (1 values). Put them behind the current one`);
    expect(fileKeys()).toHaveLength(1);
  });

  test("a spoilt value is told by its row, the rest is rewrapped, and no key is removed", async () => {
    const [former = ""] = fileKeys();
    const spoilt = await storeBy([former]);
    await storeBy([former]);
    const { sealed } = await database.db("secret").where({ id: spoilt }).first();
    const broken = { ...sealed, data_key: Buffer.alloc(60).toString("base64") };
    await database.db("secret").where({ id: spoilt }).update({ sealed: broken });
    await expect(rotate()).rejects.toThrow(`secret ${spoilt}: the data key does not open`);
    await expect(rotate({ prune: true, now: afterMinutes(16) })).rejects.toThrow(spoilt);
    expect(fileKeys()).toHaveLength(2);
    expect((await countByMasterKey(database.db)).get(idOf(former))).toBe(1);
  });

  test("a secret that release 0.1.0 sealed is rotated with the others", async () => {
    writeFileSync(keyFile, `${Buffer.alloc(32, 0x0f).toString("hex")}\n`);
    await database.db("platform_secret").insert({
      name: "edge-ca",
      sealed: {
        format: 1,
        key: "6a2f5bff7767c559",
        nonce: "pi0tvMRxnHPtnVRj",
        ciphertext: "JwFrqn62JC7/rQ==",
        tag: "Vu1mFtAQfj7A1Wnsm8Bmpg==",
      },
    });
    expect(await rotate()).toMatchObject({ rewrapped: 1, former: [{ key: "6a2f5bff7767c559", values: 0, jobs: 0 }] });
    const { sealed } = await database.db("platform_secret").first();
    expect(createSeal(Buffer.from(fileKeys()[0] ?? "", "hex")).open(sealed, "edge-ca")).toBe("schlüssel");
  });
});

describe("with keys that somebody else hands out", () => {
  test("no file is touched: everything is wrapped by the first key, and what is left to do is said", async () => {
    const [former, current] = [aKey(), aKey()];
    await storeBy([former]);
    const content = readFileSync(keyFile, "utf8");
    const alone = await rotate({ MASTER_KEY: former });
    expect(alone).toMatchObject({
      added: null,
      rewrapped: 0,
      next: expect.stringContaining("put a new one behind it"),
    });
    const done = await rotate({ MASTER_KEY: `${current},${former}` });
    expect(done).toMatchObject({ added: null, current: idOf(current), rewrapped: 1, pruned: [] });
    expect(done.next).toContain("take the others out: docs/runbooks/keys.md");
    expect(await rotate({ MASTER_KEY: `${current},${former}`, prune: true })).toMatchObject({ pruned: [] });
    expect(readFileSync(keyFile, "utf8")).toBe(content);
  });

  test(
    "the runbook's steps, process by process: whatever either sealed opens in both, at every moment",
    async () => {
      const [former, current] = [aKey(), aKey()];
      const traffic = createTraffic();
      let holders = await startHolders({ MASTER_KEY: former });
      const restartAll = async (MASTER_KEY: string) => {
        const [first, second] = await startHolders({ MASTER_KEY });
        await traffic.round([first, holders[1]]);
        holders = [first, second];
        await traffic.round(holders);
      };
      await traffic.round(holders);
      await restartAll(`${former},${current}`);
      await restartAll(`${current},${former}`);
      const done = await traffic.during(holders, () => rotate({ MASTER_KEY: `${current},${former}` }));
      expect(done.former).toEqual([{ key: idOf(former), values: 0, jobs: 0 }]);
      await restartAll(current);
    },
    PROCESSES_TIMEOUT_MS,
  );
});

/** As a process with these keys does. */
async function storeBy([current = "", ...former]: readonly string[]): Promise<string> {
  const seal = createSeal(
    Buffer.from(current, "hex"),
    former.map((hex) => Buffer.from(hex, "hex")),
  );
  const id = randomUUID();
  const sealed = seal.seal("a secret", id);
  await database.db("secret").insert({ id, account_id: accountId, purpose: "s3_secret_key", sealed });
  return id;
}
