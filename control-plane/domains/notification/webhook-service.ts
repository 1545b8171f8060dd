// An account's webhooks: where its programs are told what happens, and what became of each delivery.
import { randomBytes, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { Problem } from "../../../platform/problem.ts";
import type { Seal } from "../../../platform/seal.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { assertAccountLives } from "../account/index.ts";
import { type Difference, differences, recordAudit } from "../audit/index.ts";
import {
  countDeliveriesSince,
  type DeliveryRecord,
  endDeliveries,
  findDeliveries,
  findDelivery,
} from "./delivery-store.ts";
import { TEST_EVENT } from "./events.ts";
import { sealSecret } from "./message.ts";
import { tooManyTests, tooManyWebhooks, unknownDelivery, unknownWebhook } from "./problems.ts";
import { addDelivery } from "./tell.ts";
import { SECRET_BYTES, secretOf, type UrlPolicy, urlFaults } from "./webhook-rules.ts";
import type { RotationInput, WebhookInput, WebhookPatch } from "./webhook-schema.ts";
import {
  countWebhooks,
  deleteWebhook,
  findWebhook,
  findWebhooks,
  insertWebhook,
  lockCounts,
  lockWebhook,
  updateWebhook,
  type WebhookChanges,
  type WebhookRecord,
} from "./webhook-store.ts";

const WEBHOOKS_MAX = 20;
const TESTS_MAX = 10;
const TESTS_WITHIN_MS = 60_000;
const HOUR_MS = 60 * 60 * 1000;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
type AssertUnchanged = (current: WebhookRecord) => void;

export type WebhookService = ReturnType<typeof createWebhookService>;

export interface WebhookWithSecret {
  readonly webhook: WebhookRecord;
  readonly secret: string;
}

interface WebhookSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly seal: Seal;
  readonly policy: UrlPolicy;
}

export function createWebhookService({ db, clock, seal, policy }: WebhookSettings) {
  async function create(caller: Caller, input: WebhookInput): Promise<WebhookWithSecret> {
    const url = checkedUrl(input.url, policy);
    const { id, accountId } = { id: randomUUID(), accountId: caller.accountId };
    const secret = secretOf(randomBytes(SECRET_BYTES));
    const now = clock();
    const webhook: WebhookRecord = {
      ...{ id, accountId, url, description: input.description, events: input.events, isEnabled: input.is_enabled },
      ...{ disabledReason: null, failingSince: null, previousSealed: null, previousUntil: null },
      sealed: sealSecret(seal, secret, { id, accountId }),
      ...{ createdBy: caller.userId, updatedBy: caller.userId, createdAt: now, updatedAt: now },
    };
    await inTransaction(db, async (tx) => {
      await assertAccountLives(tx, accountId);
      await lockCounts(tx, accountId);
      if ((await countWebhooks(tx, accountId)) >= WEBHOOKS_MAX) {
        throw new Problem(tooManyWebhooks, `An account may have ${WEBHOOKS_MAX}: delete one first.`);
      }
      await insertWebhook(tx, webhook);
      await record(tx, caller, "webhook.create", { id, changes: changesBetween(undefined, webhook) });
    });
    return { webhook, secret };
  }

  function list(caller: Caller, page: PageQuery) {
    return findWebhooks(db, caller.accountId, page);
  }

  function get(caller: Caller, id: string): Promise<WebhookRecord> {
    return getOf(db, caller, id);
  }

  async function update(
    caller: Caller,
    id: string,
    patch: WebhookPatch,
    assertUnchanged: AssertUnchanged,
  ): Promise<WebhookRecord> {
    const url = patch.url === undefined ? undefined : checkedUrl(patch.url, policy);
    return inTransaction(db, async (tx) => {
      const before = assertFound(await lockWebhook(tx, { accountId: caller.accountId, id }));
      assertUnchanged(before);
      const wanted = {
        url: url ?? before.url,
        description: patch.description ?? before.description,
        events: patch.events ?? before.events,
        isEnabled: patch.is_enabled ?? before.isEnabled,
      };
      if (isDeepStrictEqual({ ...before, ...wanted }, before)) return before;
      const now = clock();
      const written = { ...wanted, ...anewIf(before, wanted), updatedBy: caller.userId, updatedAt: now };
      await updateWebhook(tx, id, written);
      if (!wanted.isEnabled) await endDeliveries(tx, id, now);
      const after = { ...before, ...written };
      await record(tx, caller, "webhook.update", { id, changes: changesBetween(before, after) });
      return after;
    });
  }

  async function remove(caller: Caller, id: string, assertUnchanged: AssertUnchanged): Promise<void> {
    await inTransaction(db, async (tx) => {
      const before = assertFound(await lockWebhook(tx, { accountId: caller.accountId, id }));
      assertUnchanged(before);
      await deleteWebhook(tx, id);
      await record(tx, caller, "webhook.delete", { id, changes: changesBetween(before, undefined) });
    });
  }

  async function rotateSecret(caller: Caller, id: string, input: RotationInput): Promise<WebhookWithSecret> {
    const secret = secretOf(randomBytes(SECRET_BYTES));
    const webhook = await inTransaction(db, async (tx) => {
      const before = assertFound(await lockWebhook(tx, { accountId: caller.accountId, id }));
      const now = clock();
      const written: WebhookChanges = {
        sealed: sealSecret(seal, secret, before),
        ...(input.overlap_hours === 0
          ? { previousSealed: null, previousUntil: null }
          : {
              previousSealed: before.sealed,
              previousUntil: new Date(now.getTime() + input.overlap_hours * HOUR_MS),
            }),
        updatedBy: caller.userId,
        updatedAt: now,
      };
      await updateWebhook(tx, id, written);
      const changes = [
        { pointer: "/secret", before: "(set)", after: "(changed)" },
        { pointer: "/overlap_hours", after: input.overlap_hours },
      ];
      await record(tx, caller, "webhook.rotate_secret", { id, changes });
      return { ...before, ...written };
    });
    return { webhook, secret };
  }

  /** Also to a disabled one: whoever mends a receiver tries it first. */
  async function sendTest(caller: Caller, id: string): Promise<DeliveryRecord> {
    return inTransaction(db, async (tx) => {
      const { accountId } = caller;
      await lockCounts(tx, accountId);
      const webhook = assertFound(await lockWebhook(tx, { accountId, id }));
      const now = clock();
      const since = new Date(now.getTime() - TESTS_WITHIN_MS);
      if ((await countDeliveriesSince(tx, { accountId, event: TEST_EVENT, since })) >= TESTS_MAX) {
        throw new Problem(tooManyTests, `An account may send ${TESTS_MAX} in a minute.`, {
          headers: { "retry-after": String(TESTS_WITHIN_MS / 1000) },
        });
      }
      const data = { webhook_id: id, message: "This is a test: somebody asked for it." };
      const deliveryId = await addDelivery(tx, webhook, { event: TEST_EVENT, at: now, data }, now);
      await record(tx, caller, "webhook.test", { id, changes: [] });
      return assertDelivery(await findDelivery(tx, { webhookId: id, id: deliveryId }));
    });
  }

  async function listDeliveries(
    caller: Caller,
    id: string,
    query: PageQuery & { readonly status?: DeliveryRecord["status"] | undefined },
  ) {
    await getOf(db, caller, id);
    return findDeliveries(db, { webhookId: id, status: query.status }, query);
  }

  async function getDelivery(caller: Caller, id: string, deliveryId: string): Promise<DeliveryRecord> {
    await getOf(db, caller, id);
    return assertDelivery(await findDelivery(db, { webhookId: id, id: deliveryId }));
  }

  return { create, list, get, update, remove, rotateSecret, sendTest, listDeliveries, getDelivery };
}

/** As it is asked: lower-case host, no default port. */
function checkedUrl(text: string, policy: UrlPolicy): string {
  const faults = urlFaults(text, policy);
  if (faults.length > 0) throw invalidRequest(faults.map((detail) => ({ pointer: "/url", detail })));
  return new URL(text).href;
}

/** Another receiver, or one that is enabled again, has failed at nothing yet. */
function anewIf(before: WebhookRecord, after: Pick<WebhookRecord, "url" | "isEnabled">): WebhookChanges {
  const isEnabledAnew = after.isEnabled && !before.isEnabled;
  if (!isEnabledAnew && after.url === before.url) return {};
  return { failingSince: null, ...(after.isEnabled ? { disabledReason: null } : {}) };
}

async function getOf(reads: Reads, { accountId }: Caller, id: string): Promise<WebhookRecord> {
  return assertFound(await findWebhook(reads, { accountId, id }));
}

/** Absent and foreign look the same. */
function assertFound(webhook: WebhookRecord | undefined): WebhookRecord {
  if (webhook === undefined) throw new Problem(unknownWebhook, "No webhook of this account has this id.");
  return webhook;
}

function assertDelivery(delivery: DeliveryRecord | undefined): DeliveryRecord {
  if (delivery === undefined) throw new Problem(unknownDelivery, "No delivery of this webhook has this id.");
  return delivery;
}

async function record(
  tx: Tx,
  caller: Caller,
  action: string,
  { id, changes }: { id: string; changes: readonly Difference[] },
): Promise<void> {
  const { accountId } = caller;
  await recordAudit(tx, caller, { action, accountId, resourceType: "webhook", resourceId: id, changes });
}

function changesBetween(before: WebhookRecord | undefined, after: WebhookRecord | undefined): readonly Difference[] {
  const changes = differences(contentOf(before), contentOf(after));
  const isOtherPath = before !== undefined && after !== undefined && before.url !== after.url;
  if (!isOtherPath || changes.some(({ pointer }) => pointer === "/url")) return changes;
  return [...changes, { pointer: "/url", before: "(set)", after: "(changed)" }];
}

/** Many receivers know their senders by a path that nobody could guess: it is not for everybody who reads the log. */
function contentOf(webhook: WebhookRecord | undefined): object | undefined {
  if (webhook === undefined) return undefined;
  const { url, description, events, isEnabled: is_enabled } = webhook;
  return { url: new URL(url).origin, description, events, is_enabled };
}
