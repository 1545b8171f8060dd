import { afterAll, beforeAll, expect, test } from "vitest";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import { createMailer, createPost, mailHandlers } from "./index.ts";
import { linkIn, startTestMailServer, type TestMailServer } from "./test-mail-server.ts";

const seal = createSeal(Buffer.alloc(32, 7));
const post = createPost(seal);
const letter = {
  to: "ada@example.com",
  subject: "An invitation",
  paragraphs: ["Come in."],
  action: { label: "Come in", url: "https://cdn.example/invitations?token=very-secret" },
  closing: "Or stay out.",
};

let database: TestDatabase;
let server: TestMailServer;
beforeAll(async () => {
  [database, server] = await Promise.all([createTestDatabase(), startTestMailServer()]);
});
afterAll(() => Promise.all([database.stop(), server.stop()]));

test("a letter goes out if its reason is committed, and nobody reads it on the way", async () => {
  const { db } = database;
  await expect(
    inTransaction(db, async (tx) => {
      await post.post(tx, letter);
      throw new Error("changed our mind");
    }),
  ).rejects.toThrow("changed our mind");
  await inTransaction(db, (tx) => post.post(tx, letter));
  const rows: { job: string; payload: unknown }[] = await db("outbox").select("job", "payload");
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toMatch(/secret|ada@/);

  const log = createLogger({ role: "test", level: "silent" });
  const settings = { smtpUrl: server.url, from: "no-reply@cdn.example", log, clock: () => new Date() };
  const [handler] = mailHandlers({ mailer: createMailer(settings), seal });
  expect(handler?.job.name).toBe(rows[0]?.job);
  const arrived = server.next();
  await handler?.run(rows[0]?.payload, AbortSignal.timeout(10_000));
  expect(linkIn(await arrived).href).toBe(letter.action.url);
});
