// For key-rotation.test.ts: a process of the control plane that does nothing but store and open secrets, and issue and verify
// tokens, as it is told by messages.
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { readConfig } from "../../platform/config.ts";
import { createLogger } from "../../platform/log.ts";
import { createSealOf } from "../../platform/seal.ts";
import { controlPlaneSchema } from "../config.ts";
import { connectDatabase } from "../database/connection.ts";
import { inTransaction } from "../database/transaction.ts";
// By their files: all of the domain would make each of these processes a second slower.
import { createSigningKeys } from "../domains/auth/signing-keys.ts";
import { createTokens } from "../domains/auth/token.ts";
import { openSecret, storeSecret } from "../domains/secret/index.ts";
import { openMasterKeys } from "../roles/keys.ts";

const purpose = "s3_secret_key";

const orderSchema = z.object({
  number: z.int(),
  order: z.discriminatedUnion("do", [
    z.object({ do: z.literal("store"), accountId: z.uuid(), value: z.string() }),
    z.object({ do: z.literal("open"), accountId: z.uuid(), id: z.uuid() }),
    z.object({ do: z.literal("issue") }),
    z.object({ do: z.literal("verify"), token: z.string() }),
  ]),
});
export type Order = z.infer<typeof orderSchema>["order"];

const settings = { DATABASE_URL: true, MASTER_KEY: true, MASTER_KEY_FILE: true } as const;
const config = readConfig(controlPlaneSchema.pick(settings), process.env);
const log = createLogger({ role: "test", level: "error" });
const clock = () => new Date();
const { db } = connectDatabase(config.DATABASE_URL, { poolMax: 2, applicationName: "test" });
const seal = createSealOf(openMasterKeys(config, log));
const tokens = createTokens({ keys: createSigningKeys({ db, seal, clock, log }), clock });

async function carryOut(order: Order): Promise<string> {
  switch (order.do) {
    case "store": {
      const { accountId, value } = order;
      return inTransaction(db, (tx) => storeSecret(tx, seal, { accountId, purpose, value, now: clock() }));
    }
    case "open":
      return openSecret(db, seal, order.id, { accountId: order.accountId, purpose });
    case "issue":
      return (await tokens.issue(randomUUID())).token;
    case "verify":
      return (await tokens.verify(order.token)).sessionId;
  }
}

process.on("message", (message) => {
  const { number, order } = orderSchema.parse(message);
  carryOut(order).then(
    (answer) => process.send?.({ number, answer }),
    (error: unknown) => process.send?.({ number, fault: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ number: 0, answer: "ready" });
