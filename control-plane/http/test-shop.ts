// A small shop whose orders cost money, for the tests of Idempotency-Key: each order is a row. Tests only.
import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { z } from "zod";
import { createLogger } from "../../platform/log.ts";
import { defineProblem, Problem } from "../../platform/problem.ts";
import { createSeal } from "../../platform/seal.ts";
import { type Database, inTransaction } from "../database/transaction.ts";
import { noRequest } from "./caller.ts";
import { defineRoute, type Route } from "./define-route.ts";
import { createIdempotency } from "./idempotency.ts";
import { unauthorized } from "./problems.ts";
import { type Authentication, startApiServer } from "./server.ts";

const soldOut = defineProblem("sold-out", 409, "Sold out");

export async function createOrders(db: Database): Promise<void> {
  await db.schema.createTable("shop_order", (table) => {
    table.uuid("id").primary();
    table.text("item").notNullable();
  });
}

/** `begun` when an order is in its transaction; one of a `slow` item ends at `go on`. */
export type ShopEvents = EventEmitter<{ begun: [item: string]; "go on": [] }>;

function shopRoutes(db: Database, events: ShopEvents): Route[] {
  const order = async (item: string) => {
    const id = randomUUID();
    await inTransaction(db, async (tx) => {
      await tx("shop_order").insert({ id, item });
      if (item === "sold out") throw new Problem(soldOut, "The last one was just sold.");
      const goOn = item === "slow" ? once(events, "go on") : undefined;
      events.emit("begun", item);
      await goOn;
    });
    // Read outside of the transaction, as a cache or another domain might.
    await db.raw("select 1");
    return { id, item, secret: `pick-up-code-${randomUUID()}` };
  };
  const basics = {
    method: "POST",
    tag: "Shop",
    summary: "Order something",
    access: { kind: "account", role: "editor", scope: "distributions:write" },
    body: z.strictObject({ item: z.string(), gift: z.boolean().optional() }),
    reply: { status: 201, body: z.object({ id: z.string(), item: z.string(), secret: z.string().min(5) }) },
  } as const;
  return [
    defineRoute({
      ...basics,
      path: "/orders",
      operationId: "createOrder",
      prefersWait: true,
      handle: async ({ body }) => {
        const made = await order(body.item);
        const reply = { headers: { location: `/api/v1/orders/${made.id}` }, body: made };
        if (body.item === "lie") return { ...reply, body: { ...made, secret: "" } };
        const packed = async () => {
          events.emit("begun", "packing");
          if (body.item === "never packed") await once(events, "go on");
          return { ...reply, body: { ...made, item: `${made.item}, packed` } };
        };
        return { ...reply, afterCommit: packed };
      },
    }),
    defineRoute({
      ...basics,
      path: "/gifts",
      operationId: "createGift",
      handle: async ({ body }) => ({ body: await order(body.item) }),
    }),
    defineRoute({
      ...basics,
      path: "/samples",
      operationId: "createSample",
      idempotencyKey: false,
      handle: async ({ body }) => ({ body: await order(body.item) }),
    }),
  ];
}

const authenticate: Authentication = {
  account: async ({ header }) => {
    const [userId, accountId = "a1", apiTokenId = null] = (header("authorization") ?? "")
      .replace("Bearer ", "")
      .split("/");
    if (userId === undefined || userId === "") throw unauthorized("Log in first.");
    const caller = { accountRole: "editor", platformRole: "user", scopes: "all" } as const;
    return { ...noRequest, ...caller, userId, accountId, apiTokenId };
  },
  user: async () => ({ userId: "u1", sessionId: "s1", platformRole: "user", ...noRequest }),
  edge: async () => ({ edgeId: "e1", scope: "g1" }),
};

const MASTER_KEY = Buffer.alloc(32, 7);

export async function startShop(
  db: Database,
  { transactionsMax = 5 } = {},
): Promise<{ url: string; events: ShopEvents; stop: () => Promise<void> }> {
  const events: ShopEvents = new EventEmitter();
  const { url, part } = await startApiServer({
    routes: shopRoutes(db, events),
    authenticate,
    idempotency: createIdempotency({ db, seal: createSeal(MASTER_KEY), transactionsMax }),
    readiness: [],
    log: createLogger({ role: "test", level: "silent" }),
    host: "127.0.0.1",
    port: 0,
  });
  return { url, events, stop: part.stop };
}
