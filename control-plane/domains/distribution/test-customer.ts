// A customer with an account, and a distribution to ask for, for the tests of this domain.
import { randomUUID } from "node:crypto";
import { createSeal } from "../../../platform/seal.ts";
import type { Database } from "../../database/transaction.ts";
import { type Caller, noRequest } from "../../http/caller.ts";
import {
  createDistributionInput,
  createDistributionService,
  createOriginService,
  createVersionService,
} from "./index.ts";

export function createTestServices(db: Database, { distributionsMax = 1_000 } = {}) {
  const clock = () => new Date();
  const platform = { zone: "edgewright.localhost", allowPrivateOrigins: true, distributionsMax };
  const seal = createSeal(Buffer.alloc(32, 1));
  const distributions = createDistributionService({ db, clock, seal, platform });
  return {
    distributions,
    origins: createOriginService({ db, clock, seal, platform }, distributions),
    versions: createVersionService({ db, clock }, distributions),
    seal,
  };
}

export async function insertPerson(db: Database, username: string): Promise<Caller> {
  const [userId, accountId] = [randomUUID(), randomUUID()];
  await db("account").insert({ id: accountId, name: username });
  await db("user").insert({
    ...{ id: userId, username, email: `${username}@example.com` },
    ...{ password_hash: "-", platform_role: "user" },
  });
  return { userId, accountId, accountRole: "owner", platformRole: "user", scopes: "all", ...noRequest };
}

export function inputFor(domain: string, more: object = {}) {
  return createDistributionInput.parse({ domain, origin: { url: "http://127.0.0.1:9000" }, ...more });
}
