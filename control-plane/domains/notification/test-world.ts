// An account with people, the jobs of its notifications, and a real mail server. Tests only.
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { createTestDatabase } from "../../database/test-database.ts";
import { type AccountRole, type Caller, noRequest } from "../../http/caller.ts";
import { createMailer, createPost, mailHandlers } from "../mail/index.ts";
import { startTestMailServer } from "../mail/test-mail-server.ts";
import { createCourier, createSender, createWebhookService, notificationHandlers } from "./index.ts";
import type { SenderSettings } from "./request.ts";

export type NotificationWorld = Awaited<ReturnType<typeof openNotificationWorld>>;

const JOB_TIMEOUT_MS = 20_000;
const rowsSchema = z.array(z.object({ id: z.uuid(), job: z.string(), payload: z.unknown() }));

/** `sending`: how receivers are reached, when it is not as the public ones are. */
export async function openNotificationWorld(sending: SenderSettings = { allowPrivateOrigins: true }) {
  const [database, mail] = await Promise.all([createTestDatabase(), startTestMailServer()]);
  const { db } = database;
  // Receivers verify against a clock that shows the real time.
  let now = new Date();
  const clock = () => now;
  const seal = createSeal(Buffer.alloc(32, 7));
  const post = createPost(seal);
  const log = createLogger({ role: "test", level: "silent" });
  const mailer = createMailer({ smtpUrl: mail.url, from: "no-reply@cdn.example", log, clock: () => new Date() });
  const courier = createCourier({ db, seal, clock, send: createSender(sending), log });
  let working = courier.start();
  const handlers = [...notificationHandlers({ db, post, clock, courier }), ...mailHandlers({ mailer, seal })];

  async function person(username: string, accountId: string, role: AccountRole): Promise<Caller> {
    const userId = randomUUID();
    const email = `${username}@example.com`;
    await db("user").insert({ id: userId, username, email, password_hash: "-", platform_role: "user" });
    await db("membership").insert({ account_id: accountId, user_id: userId, role });
    return { userId, accountId, accountRole: role, platformRole: "user", scopes: "all", ...noRequest };
  }

  return {
    db,
    databaseUrl: database.url,
    seal,
    post,
    clock,
    mail,
    courier,
    webhooks: createWebhookService({ db, clock, seal, policy: sending }),
    person,
    /** An account with its owner, who has the same name. */
    async owner(name: string): Promise<Caller> {
      const accountId = randomUUID();
      await db("account").insert({ id: accountId, name });
      return person(name, accountId, "owner");
    },
    /** Nobody delivers, until it goes on. */
    pauseCourier: () => working.stop(),
    resumeCourier(): void {
      working = courier.start();
    },
    resetTime(): void {
      now = new Date();
    },
    passTime(ms: number): void {
      now = new Date(now.getTime() + ms);
    },
    /** As the schedule does every minute. */
    async writeGathered(): Promise<void> {
      const handler = handlers.find(({ job }) => job.name === "notification.write-gathered");
      await handler?.run({}, AbortSignal.timeout(JOB_TIMEOUT_MS));
    },
    /** Does what waits in the outbox as a worker does, and what follows from it. Answers the names. */
    async doJobs(): Promise<readonly string[]> {
      const done: string[] = [];
      for (;;) {
        const rows = rowsSchema.parse(await db("outbox").orderBy("seq").limit(1));
        const [row] = rows;
        if (row === undefined) return done;
        const handler = handlers.find(({ job }) => job.name === row.job);
        if (handler === undefined) throw new Error(`nobody here does ${row.job}`);
        await handler.run(row.payload, AbortSignal.timeout(JOB_TIMEOUT_MS));
        await db("outbox").where({ id: row.id }).delete();
        done.push(row.job);
      }
    },
    async stop(): Promise<void> {
      await working.stop();
      await Promise.all([database.stop(), mail.stop()]);
    },
  };
}
