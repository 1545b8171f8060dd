import { afterAll, beforeAll, expect, test } from "vitest";
import { inTransaction } from "../../database/transaction.ts";
import { type Notification, notify } from "./index.ts";
import { write } from "./letters.ts";
import { tell } from "./tell.ts";
import { type NotificationWorld, openNotificationWorld } from "./test-world.ts";

let world: NotificationWorld;
beforeAll(async () => {
  world = await openNotificationWorld();
});
afterAll(() => world.stop());

function expiring(accountId: string, more: Partial<Notification> = {}): Notification {
  return {
    accountId,
    event: "certificate.expiring",
    subject: "The certificate Shop expires in 7 days",
    text: "The certificate Shop ends on 2027-03-08.\n\nUpload its successor.",
    data: { certificate_id: "c1", days_left: 7 },
    now: world.clock(),
    ...more,
  };
}

const letterTo = (address: string) => world.mail.received.filter(({ to }) => to.includes(address));

test("owners and admins of the account get a letter, and nobody else does", async () => {
  const ada = await world.owner("ada");
  await world.person("admin", ada.accountId, "admin");
  await world.person("editor", ada.accountId, "editor");
  const { userId } = await world.person("suspended", ada.accountId, "admin");
  await world.db("user").where({ id: userId }).update({ suspended_at: world.clock() });
  await world.owner("stranger");

  await inTransaction(world.db, (tx) => notify(tx, expiring(ada.accountId)));
  await world.doJobs();

  expect(world.mail.received.flatMap(({ to }) => to).sort()).toEqual(["ada@example.com", "admin@example.com"]);
  const [letter] = letterTo("ada@example.com");
  expect(letter?.content).toContain("Subject: The certificate Shop expires in 7 days");
  expect(letter?.content).toContain("Upload its successor.");
  expect(letter?.content).toContain("an owner or an admin of ada");
});

test("of a certificate that was renewed as planned only programs are told", async () => {
  const una = await world.owner("una");
  await inTransaction(world.db, (tx) => notify(tx, expiring(una.accountId, { event: "certificate.issued" })));
  expect(await world.doJobs()).toEqual(["notification.tell"]);
  await world.writeGathered();
  expect(letterTo("una@example.com")).toEqual([]);
});

test("nobody is told of what was not committed", async () => {
  const bob = await world.owner("bob");
  const undone = inTransaction(world.db, async (tx) => {
    await notify(tx, expiring(bob.accountId));
    throw new Error("changed our mind");
  });
  await expect(undone).rejects.toThrow("changed our mind");
  expect(await world.doJobs()).toEqual([]);
});

test("what is said once is said once, also when two say it at the same time; to another account it is news", async () => {
  const [eve, mallory] = [await world.owner("eve"), await world.owner("mallory")];
  const once = "certificate.expiring:c1:1:7";
  const say = (accountId: string) => inTransaction(world.db, (tx) => notify(tx, expiring(accountId, { once })));
  await Promise.all([say(eve.accountId), say(eve.accountId), say(eve.accountId)]);
  await say(mallory.accountId);
  await world.doJobs();
  await say(eve.accountId);
  await world.doJobs();
  expect(letterTo("eve@example.com")).toHaveLength(1);
  expect(letterTo("mallory@example.com")).toHaveLength(1);
});

test("a job that comes again, or twice at once, makes no second letter", async () => {
  const ida = await world.owner("ida");
  await inTransaction(world.db, (tx) => notify(tx, expiring(ida.accountId)));
  const { id } = await world.db("notification").where({ account_id: ida.accountId }).first();
  await Promise.all([tell(world, id), tell(world, id)]);
  await Promise.all([write(world, ida.accountId), write(world, ida.accountId)]);
  await world.doJobs();
  await tell(world, id);
  await write(world, ida.accountId);
  await world.doJobs();
  expect(letterTo("ida@example.com")).toHaveLength(1);
});

test("the first letter goes out at once; what follows within a quarter of an hour comes in one, and nothing is left out", async () => {
  const kim = await world.owner("kim");
  const happen = async (count: number) => {
    for (let n = 0; n < count; n += 1) {
      const subject = `The certificate s${n} expires`;
      await inTransaction(world.db, (tx) => notify(tx, expiring(kim.accountId, { subject })));
    }
    await world.doJobs();
  };
  await happen(1);
  await happen(103);
  await world.writeGathered();
  await world.doJobs();
  expect(letterTo("kim@example.com")).toHaveLength(1);
  const later = async () => {
    world.passTime(15 * 60_000);
    await world.writeGathered();
    await world.doJobs();
    return letterTo("kim@example.com").at(-1)?.content;
  };
  const gathered = await later();
  expect(gathered).toContain("Subject: 100 messages about kim");
  expect(gathered).toMatch(/^100\. The certificate s\d+ expires/m);
  expect(await later()).toContain("Subject: 3 messages about kim");
  await later();
  expect(letterTo("kim@example.com")).toHaveLength(3);
  await happen(1);
  expect(letterTo("kim@example.com").at(-1)?.content).toContain("Subject: The certificate s0 expires");
});

test("what is urgent waits five minutes for the next letter, and takes along what waits with it", async () => {
  const lea = await world.owner("lea");
  const happen = async (more: Partial<Notification> = {}) => {
    await inTransaction(world.db, (tx) => notify(tx, expiring(lea.accountId, more)));
    await world.doJobs();
    await world.writeGathered();
    await world.doJobs();
  };
  await happen();
  await happen();
  world.passTime(5 * 60_000);
  await happen();
  expect(letterTo("lea@example.com")).toHaveLength(1);
  await happen({ event: "alert.raised", isUrgent: true });
  expect(letterTo("lea@example.com")).toHaveLength(2);
  expect(letterTo("lea@example.com").at(-1)?.content).toContain("Subject: 3 messages about lea");
});

test("letters go to whom a notification names, whatever their role, as long as they belong to the account", async () => {
  const mia = await world.owner("mia");
  const [reader, gone] = [
    await world.person("reader", mia.accountId, "viewer"),
    await world.person("left", mia.accountId, "viewer"),
  ];
  const userIds = [reader.userId, gone.userId];
  await world.db("membership").where({ user_id: gone.userId }).delete();
  await inTransaction(world.db, async (tx) => {
    await notify(tx, expiring(mia.accountId, { subject: "For one", recipients: { inCharge: false, userIds } }));
    await notify(tx, expiring(mia.accountId, { subject: "For both", recipients: { inCharge: true, userIds } }));
    await notify(tx, expiring(mia.accountId, { subject: "For nobody", recipients: { inCharge: false, userIds: [] } }));
    await notify(tx, expiring(mia.accountId, { subject: "For programs", withoutLetter: true }));
  });
  await world.doJobs();
  const [forMia, forReader] = [letterTo("mia@example.com"), letterTo("reader@example.com")];
  expect(forMia.map(({ content }) => /^Subject: (.*)\r$/m.exec(content)?.[1])).toEqual(["For both"]);
  expect(forReader.map(({ content }) => /^Subject: (.*)\r$/m.exec(content)?.[1])).toEqual(["2 messages about mia"]);
  expect(letterTo("left@example.com")).toEqual([]);
});

test("an account that is gone is told nothing", async () => {
  const gone = await world.owner("gone");
  await inTransaction(world.db, (tx) => notify(tx, expiring(gone.accountId)));
  await world.db("account").where({ id: gone.accountId }).update({ deleted_at: world.clock() });
  await world.doJobs();
  expect(letterTo("gone@example.com")).toEqual([]);
});
