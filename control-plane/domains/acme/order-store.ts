// The orders: each a row with all that is needed to go on with it. Whoever works on one holds a lease, and writes only while
// that counts. Models stay in this file; others see records.
import { randomUUID } from "node:crypto";
import { Model, snakeCaseMappers } from "objection";
import { z } from "zod";
import { type Sealed, sealedSchema } from "../../../platform/seal.ts";
import type { Columns } from "../../database/columns.ts";
import type { Reads, Tx } from "../../database/transaction.ts";

export type OrderState =
  | "waiting"
  | "ordering"
  | "challenging"
  | "finalizing"
  | "downloading"
  | "done"
  | "failed"
  | "withdrawn";

const methodSchema = z.enum(["http-01", "dns-01"]);
const methodsSchema = z.record(z.string(), methodSchema);
/** What the world is to see for one name until the order has ended. */
const answerSchema = z.discriminatedUnion("method", [
  z.object({ method: z.literal("http-01"), recordId: z.uuid(), token: z.string(), proof: z.string() }),
  z.object({ method: z.literal("dns-01"), asked: z.string(), record: z.string(), proof: z.string() }),
]);
export type ChallengeAnswer = z.output<typeof answerSchema>;

class OrderModel extends Model {
  static override tableName = "acme_order";
  static override columnNameMappers = snakeCaseMappers();
  static override jsonAttributes = ["names", "methods", "answers", "sealed"];

  declare id: string;
  declare certificateId: string;
  declare directoryUrl: string;
  declare state: OrderState;
  declare names: readonly string[];
  declare keyType: "ecdsa" | "rsa";
  declare replaces: string | null;
  declare isDue: boolean;
  declare methods: Readonly<Record<string, z.output<typeof methodSchema>>>;
  declare orderUrl: string | null;
  declare certificateUrl: string | null;
  declare answers: readonly ChallengeAnswer[];
  declare isPublished: boolean;
  declare sealed: Sealed | null;
  declare csr: string | null;
  declare restarts: number;
  declare stumbles: number;
  declare reason: string | null;
  declare nextAt: Date;
  declare lease: string | null;
  declare leasedUntil: Date | null;
  declare createdAt: Date;
  declare endedAt: Date | null;
}
export type OrderRecord = Columns<OrderModel>;

/** An order in the hands of this worker. */
export interface LeasedOrder extends OrderRecord {
  readonly lease: string;
}

export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

export type NewOrder = Pick<OrderRecord, "certificateId" | "directoryUrl" | "names" | "keyType" | "replaces" | "isDue">;

/** False: the certificate has an order already. */
export async function insertOrder(tx: Tx, order: NewOrder, now: Date): Promise<boolean> {
  const {
    certificateId: certificate_id,
    directoryUrl: directory_url,
    keyType: key_type,
    replaces,
    isDue: is_due,
  } = order;
  const made = await tx("acme_order")
    .insert({
      ...{ id: randomUUID(), certificate_id, directory_url, key_type, replaces, is_due, state: "waiting" },
      ...{
        names: JSON.stringify([...order.names].sort()),
        methods: "{}",
        answers: "[]",
        next_at: now,
        created_at: now,
      },
    })
    .onConflict(tx.raw("(certificate_id) where ended_at is null"))
    .ignore()
    .returning("id");
  return made.length > 0;
}

export async function findOrdersOf(reads: Reads, certificateId: string): Promise<readonly OrderRecord[]> {
  const rows = await OrderModel.query(reads)
    .where({ certificate_id: certificateId })
    .orderBy("created_at", "desc")
    .limit(100);
  return rows.map(record);
}

/** Has not begun to ask yet, so it may begin at once. */
export async function hurryOrder(tx: Tx, certificateId: string, now: Date): Promise<void> {
  await OrderModel.query(tx)
    .patch({ nextAt: now })
    .where({ certificate_id: certificateId, state: "waiting" })
    .whereNull("ended_at");
}

const leasedSchema = z.object({ rows: z.array(z.object({ id: z.uuid() })) });

/** The most overdue that nobody has in hand. */
export async function leaseOrders(
  tx: Tx,
  { now, until, limit }: { now: Date; until: Date; limit: number },
): Promise<readonly LeasedOrder[]> {
  const lease = randomUUID();
  const result: unknown = await tx.raw(
    `update acme_order set lease = :lease, leased_until = :until where id in (
       select id from acme_order
       where (ended_at is null or is_published) and next_at <= :now and (leased_until is null or leased_until <= :now)
       order by next_at limit :limit for update skip locked)
     returning id`,
    { lease, until, now, limit },
  );
  const ids = leasedSchema.parse(result).rows.map(({ id }) => id);
  const rows = await OrderModel.query(tx).whereIn("id", ids).orderBy("next_at");
  return rows.map((row) => ({ ...record(row), lease }));
}

/** When the next order is due, as far as nobody has it in hand. */
export async function nextDueAt(reads: Reads): Promise<Date | undefined> {
  const rows: unknown = await reads("acme_order")
    .whereRaw("ended_at is null or is_published")
    .select(reads.raw("min(greatest(next_at, coalesce(leased_until, next_at))) as at"));
  return z.tuple([z.object({ at: z.date().nullable() })]).parse(rows)[0].at ?? undefined;
}

export async function extendLease(reads: Reads, { id, lease }: LeasedOrder, until: Date): Promise<void> {
  await OrderModel.query(reads).patch({ leasedUntil: until }).where({ id, lease });
}

export async function releaseLease(reads: Reads, { id, lease }: LeasedOrder): Promise<void> {
  await OrderModel.query(reads).patch({ lease: null, leasedUntil: null }).where({ id, lease });
}

/** Throws LeaseLost when another has it in hand by now: what this one did is the other's to find out. */
export async function updateOrder(
  tx: Reads,
  order: LeasedOrder,
  changes: Partial<Omit<OrderRecord, "id" | "lease">>,
): Promise<LeasedOrder> {
  const { id, lease } = order;
  const updated = await OrderModel.query(tx).patch(changes).where({ id, lease });
  if (updated === 0) throw new LeaseLost(`another worker has the order ${id} in hand`);
  return { ...order, ...changes };
}

/** Withdraws what has not ended; whoever has one in hand finds its lease lost. */
export async function withdrawOrders(tx: Tx, certificateId: string, now: Date): Promise<readonly string[]> {
  const rows = await OrderModel.query(tx)
    .patch({ state: "withdrawn", endedAt: now, nextAt: now, lease: null, leasedUntil: null, sealed: null, csr: null })
    .where({ certificate_id: certificateId })
    .whereNull("ended_at")
    .returning("id");
  return rows.map(({ id }) => id);
}

export async function deleteEndedOrders(reads: Reads, before: Date): Promise<number> {
  return OrderModel.query(reads).delete().where("ended_at", "<", before).where({ is_published: false });
}

/** All of the names are this order's from now on, or none: then another order has one of them. */
export async function holdNames(tx: Tx, { id, names }: OrderRecord): Promise<boolean> {
  // Sorted, so that two orders wait for each other in one direction only.
  const rows = [...names].sort().map((name) => ({ name, order_id: id }));
  await tx("acme_name").insert(rows).onConflict("name").ignore();
  const held = await tx("acme_name").where({ order_id: id }).count({ count: "*" }).first();
  return z.object({ count: z.coerce.number() }).parse(held).count === names.length;
}

/** Orders that wait for one of them may begin. */
export async function releaseNames(tx: Tx, orderIds: readonly string[], now: Date): Promise<void> {
  if (orderIds.length === 0) return;
  const rows: unknown = await tx("acme_name").whereIn("order_id", orderIds).delete().returning("name");
  const names = z
    .array(z.object({ name: z.string() }))
    .parse(rows)
    .map(({ name }) => name);
  if (names.length === 0) return;
  await tx("acme_order").where({ state: "waiting" }).whereRaw("names \\?| ?::text[]", [names]).update({ next_at: now });
}

function record(row: OrderModel): OrderRecord {
  return {
    ...row,
    names: z.array(z.string()).parse(row.names),
    methods: methodsSchema.parse(row.methods),
    answers: z.array(answerSchema).parse(row.answers),
    sealed: sealedSchema.nullable().parse(row.sealed),
  };
}
