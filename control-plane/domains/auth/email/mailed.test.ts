// The whole way of a mail: from a registration through Postgres, the relay, Redis and a worker to a server that is not
// ready for it yet.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestRedis, type TestService } from "../../../../platform/embedded/test-services.ts";
import { type Part, stopInReverse } from "../../../../platform/lifecycle.ts";
import { createLogger } from "../../../../platform/log.ts";
import { startRelay } from "../../../jobs/relay.ts";
import { startWorker } from "../../../jobs/worker.ts";
import { createMailer } from "../../mail/index.ts";
import { linkIn, startTestMailServer, type TestMailServer } from "../../mail/test-mail-server.ts";
import { authHandlers } from "../index.ts";
import { createTestPeople, type TestPeople } from "../test-people.ts";

const log = createLogger({ role: "test", level: "silent" });

let people: TestPeople;
let redis: TestService;
let mailServer: TestMailServer;
const parts: Part[] = [];
beforeAll(async () => {
  [people, redis, mailServer] = await Promise.all([createTestPeople(), startTestRedis(), startTestMailServer()]);
  const clock = () => new Date();
  const mailer = createMailer({ smtpUrl: mailServer.url, from: "no-reply@cdn.example", log, clock });
  const handlers = authHandlers({ db: people.db, clock: people.clock, mailer, publicUrl: new URL(people.url) });
  const { db, databaseUrl } = people;
  parts.push(startRelay({ databaseUrl, redisUrl: redis.url, log }));
  parts.push(startWorker({ db, redisUrl: redis.url, handlers, concurrency: 1, log }));
});
afterAll(async () => {
  await stopInReverse(parts);
  await Promise.all([people.stop(), redis.stop(), mailServer.stop()]);
});

test("who registers gets the link, though the server says 451 twice", async () => {
  mailServer.refuse(451, 451);
  const arrived = mailServer.next();
  await people.register("ada");
  const mail = await arrived;
  expect(mail.to).toEqual(["ada@example.com"]);
  expect(mailServer.connections()).toBe(3);
  const token = linkIn(mail).searchParams.get("token");
  expect((await people.ask("POST", "/auth/verify-email", { body: { token } })).status).toBe(204);
});
