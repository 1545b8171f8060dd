import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createViewersAuthority } from "../../../openresty/test-certificates.ts";
import { inTransaction } from "../../database/transaction.ts";
import { type NotificationWorld, openNotificationWorld } from "../notification/test-world.ts";
import { storeIssued } from "./index.ts";

const { issue } = createViewersAuthority();
let world: NotificationWorld;
beforeAll(async () => {
  world = await openNotificationWorld();
});
afterAll(() => world.stop());

async function issueFor(accountId: string | null): Promise<string> {
  const [id, names] = [randomUUID(), ["shop.example.com"]];
  await world.db("certificate").insert({
    ...{ id, account_id: accountId, name: `c-${id}`, names: JSON.stringify(names), is_automatic: true },
    ...{ key_type: "ecdsa", status: "pending", created_at: world.clock(), updated_at: world.clock() },
  });
  const { chain, key } = issue({ names });
  const wanted = { certificateId: id, chain, privateKey: key };
  await inTransaction(world.db, (tx) => storeIssued(tx, { seal: world.seal, now: world.clock() }, wanted));
  return id;
}

test("programs are told of each new chain of an account's certificate, people and the platform are not", async () => {
  const { accountId } = await world.owner("ada");
  const id = await issueFor(accountId);
  await issueFor(null);
  const told = await world.db("notification").select("account_id", "event", "details", "wants_letter");
  expect(told).toEqual([
    {
      ...{ account_id: accountId, event: "certificate.issued", wants_letter: false },
      details: {
        ...{ certificate_id: id, name: `c-${id}`, names: ["shop.example.com"] },
        not_after: (await world.db("certificate").where({ id }).first()).not_after.toISOString(),
      },
    },
  ]);
});
