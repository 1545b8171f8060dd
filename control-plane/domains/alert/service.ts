// An account's alerts: what it wants to be told of, and by whom it is heard. How they stand is judged in the worker.
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type FieldFault, Problem } from "../../../platform/problem.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { assertAccountLives } from "../account/index.ts";
import { differences, recordAudit } from "../audit/index.ts";
import { notify } from "../notification/index.ts";
import { conditionFaults } from "./condition.ts";
import { domainOf, endEpisode } from "./episode.ts";
import { type AlertEventRecord, countTestsSince, findEvents, insertEvent } from "./event-store.ts";
import { tooManyAlerts, tooManyAlertTests, unknownAlert } from "./problems.ts";
import { findDistributions, findMembersAmong } from "./read-model.ts";
import type { AlertInput, AlertPatch } from "./schema.ts";
import { newState } from "./state.ts";
import {
  type AlertRecord,
  countAlerts,
  deleteAlert,
  findAlert,
  findAlerts,
  insertAlert,
  lockAlert,
  lockCounts,
  updateAlert,
} from "./store.ts";
import { conditionWords, notificationOf } from "./words.ts";

const ALERTS_MAX = 100;
const TESTS_MAX = 5;
const TESTS_WITHIN_MS = 60_000;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
type AssertUnchanged = (current: AlertRecord) => void;

export type AlertService = ReturnType<typeof createAlertService>;

interface AlertSettings {
  readonly db: Database;
  readonly clock: () => Date;
  /** Where the API is, as letters say it. */
  readonly publicUrl: URL;
}

export function createAlertService({ db, clock, publicUrl }: AlertSettings) {
  async function create(caller: Caller, input: AlertInput): Promise<AlertRecord> {
    const { accountId, userId } = caller;
    return inTransaction(db, async (tx) => {
      const now = clock();
      const alert: AlertRecord = {
        ...{ id: randomUUID(), accountId, ...decisionOf(input), disabledReason: null, ...newState(now) },
        ...{ createdBy: userId, updatedBy: userId, createdAt: now, updatedAt: now },
      };
      await assertAccountLives(tx, accountId);
      await assertRight(tx, alert, undefined);
      await lockCounts(tx, accountId);
      if ((await countAlerts(tx, accountId)) >= ALERTS_MAX) {
        throw new Problem(tooManyAlerts, `An account may have ${ALERTS_MAX}: delete one first.`);
      }
      await insertAlert(tx, alert);
      await record(tx, caller, "alert.create", { before: undefined, after: alert });
      return alert;
    });
  }

  function list(caller: Caller, query: PageQuery & { readonly distribution_id?: string | undefined }) {
    return findAlerts(db, { accountId: caller.accountId, distributionId: query.distribution_id }, query);
  }

  function get(caller: Caller, id: string): Promise<AlertRecord> {
    return getOf(db, caller, id);
  }

  async function update(
    caller: Caller,
    id: string,
    patch: AlertPatch,
    assertUnchanged: AssertUnchanged,
  ): Promise<AlertRecord> {
    return inTransaction(db, async (tx) => {
      const before = assertFound(await lockAlert(tx, { accountId: caller.accountId, id }));
      assertUnchanged(before);
      const wanted = { ...before, ...patchedBy(before, patch) };
      if (isDeepStrictEqual(wanted, before)) return before;
      await assertRight(tx, wanted, before);
      const now = clock();
      const over = overBy(before, wanted);
      if (over !== undefined) await endEpisode(tx, before, { reason: over, publicUrl, now });
      const {
        createdAt: _,
        createdBy: __,
        ...written
      } = {
        ...wanted,
        ...(over === undefined ? {} : newState(now)),
        disabledReason: wanted.isEnabled ? null : before.disabledReason,
        ...{ updatedBy: caller.userId, updatedAt: now },
      };
      await updateAlert(tx, id, written);
      const after = { ...before, ...written };
      await record(tx, caller, "alert.update", { before, after });
      return after;
    });
  }

  async function remove(caller: Caller, id: string, assertUnchanged: AssertUnchanged): Promise<void> {
    await inTransaction(db, async (tx) => {
      const before = assertFound(await lockAlert(tx, { accountId: caller.accountId, id }));
      assertUnchanged(before);
      await endEpisode(tx, before, { reason: "The alert was deleted.", publicUrl, now: clock() });
      await deleteAlert(tx, id);
      await record(tx, caller, "alert.delete", { before, after: undefined });
    });
  }

  /** Also of one that is disabled or muted: whoever sets it up tries it first. */
  async function sendTest(caller: Caller, id: string): Promise<AlertEventRecord> {
    return inTransaction(db, async (tx) => {
      const { accountId } = caller;
      await lockCounts(tx, accountId);
      const alert = await getOf(tx, caller, id);
      const now = clock();
      const since = new Date(now.getTime() - TESTS_WITHIN_MS);
      if ((await countTestsSince(tx, accountId, since)) >= TESTS_MAX) {
        throw new Problem(tooManyAlertTests, `An account may send ${TESTS_MAX} in a minute.`, {
          headers: { "retry-after": String(TESTS_WITHIN_MS / 1000) },
        });
      }
      const reason = `This is a test. The alert's condition: ${conditionWords(alert.condition)}.`;
      const { value } = alert;
      const event = { id: randomUUID(), alertId: id, accountId, kind: "tested" as const, value, reason };
      const tested: AlertEventRecord = { ...event, isMuted: false, at: now, createdAt: now };
      await insertEvent(tx, tested);
      const domain = await domainOf(tx, alert);
      const telling = {
        alert,
        turn: "raised" as const,
        isTest: true,
        value,
        reason,
        since: now,
        domain,
        publicUrl,
        now,
      };
      await notify(tx, notificationOf(telling));
      await record(tx, caller, "alert.test", { before: alert, after: alert });
      return tested;
    });
  }

  async function listEvents(
    caller: Caller,
    id: string,
    query: PageQuery & { readonly kind?: AlertEventRecord["kind"] | undefined },
  ) {
    await getOf(db, caller, id);
    return findEvents(db, { alertId: id, kind: query.kind }, query);
  }

  return { create, list, get, update, remove, sendTest, listEvents };
}

type Decision = Pick<
  AlertRecord,
  | "distributionId"
  | "name"
  | "description"
  | "condition"
  | "raiseAfterMinutes"
  | "resolveAfterMinutes"
  | "mailInCharge"
  | "mailMembers"
  | "mutedUntil"
  | "isEnabled"
>;

function decisionOf(input: AlertInput): Decision {
  return {
    distributionId: input.distribution_id,
    name: input.name,
    description: input.description,
    condition: input.condition,
    raiseAfterMinutes: input.raise_after_minutes,
    resolveAfterMinutes: input.resolve_after_minutes,
    mailInCharge: input.mail_in_charge,
    mailMembers: input.mail_members,
    mutedUntil: input.muted_until,
    isEnabled: input.is_enabled,
  };
}

/** Null is a value here, in two of them. */
function patchedBy(before: AlertRecord, patch: AlertPatch): Decision {
  return {
    distributionId: patch.distribution_id === undefined ? before.distributionId : patch.distribution_id,
    name: patch.name ?? before.name,
    description: patch.description ?? before.description,
    condition: patch.condition ?? before.condition,
    raiseAfterMinutes: patch.raise_after_minutes ?? before.raiseAfterMinutes,
    resolveAfterMinutes: patch.resolve_after_minutes ?? before.resolveAfterMinutes,
    mailInCharge: patch.mail_in_charge ?? before.mailInCharge,
    mailMembers: patch.mail_members ?? before.mailMembers,
    mutedUntil: patch.muted_until === undefined ? before.mutedUntil : patch.muted_until,
    isEnabled: patch.is_enabled ?? before.isEnabled,
  };
}

/** Why what it was judged by is no more; undefined: it stands as it stood. */
function overBy(before: AlertRecord, after: Decision): string | undefined {
  if (before.isEnabled && !after.isEnabled) return "The alert was disabled.";
  if (!before.isEnabled && after.isEnabled) return "The alert was enabled.";
  if (before.distributionId !== after.distributionId) return "The alert is about another distribution now.";
  if (!isDeepStrictEqual(before.condition, after.condition)) return "The alert waits for something else now.";
  return undefined;
}

/** What `before` had already is no fault: its distribution may be gone meanwhile, and members may have left. */
async function assertRight(tx: Tx, alert: AlertRecord, before: AlertRecord | undefined): Promise<void> {
  const faults: FieldFault[] = [...conditionFaults(alert.condition)];
  if (alert.distributionId !== before?.distributionId || (alert.isEnabled && before?.isEnabled === false)) {
    faults.push(...(await distributionFaults(tx, alert)));
  }
  const added = alert.mailMembers.filter((id) => before?.mailMembers.includes(id) !== true);
  const members = await findMembersAmong(tx, alert.accountId, added);
  for (const id of added.filter((one) => !members.has(one))) {
    const detail = "is no member of this account: GET /api/v1/account/members lists them.";
    faults.push({ pointer: `/mail_members/${alert.mailMembers.indexOf(id)}`, detail });
  }
  if (faults.length > 0) throw invalidRequest(faults);
}

async function distributionFaults(tx: Tx, { accountId, distributionId }: AlertRecord): Promise<readonly FieldFault[]> {
  if (distributionId === null) return [];
  const distribution = (await findDistributions(tx, [distributionId])).get(distributionId);
  if (distribution?.account_id === accountId && distribution.deleted_at === null) return [];
  const detail = "is no distribution of this account: GET /api/v1/distributions lists them.";
  return [{ pointer: "/distribution_id", detail }];
}

async function getOf(reads: Reads, { accountId }: Caller, id: string): Promise<AlertRecord> {
  return assertFound(await findAlert(reads, { accountId, id }));
}

/** Absent and foreign look the same. */
function assertFound(alert: AlertRecord | undefined): AlertRecord {
  if (alert === undefined) throw new Problem(unknownAlert, "No alert of this account has this id.");
  return alert;
}

async function record(
  tx: Tx,
  caller: Caller,
  action: string,
  { before, after }: { before: AlertRecord | undefined; after: AlertRecord | undefined },
): Promise<void> {
  const resourceId = after?.id ?? before?.id ?? "";
  const changes = differences(contentOf(before), contentOf(after));
  await recordAudit(tx, caller, { action, accountId: caller.accountId, resourceType: "alert", resourceId, changes });
}

function contentOf(alert: AlertRecord | undefined): object | undefined {
  return (
    alert && {
      ...{ name: alert.name, description: alert.description, distribution_id: alert.distributionId },
      ...{ condition: alert.condition, raise_after_minutes: alert.raiseAfterMinutes },
      ...{ resolve_after_minutes: alert.resolveAfterMinutes, mail_in_charge: alert.mailInCharge },
      ...{ mail_members: alert.mailMembers, muted_until: alert.mutedUntil?.toISOString() ?? null },
      is_enabled: alert.isEnabled,
    }
  );
}
