// The rules of a distribution, of whatever kind. Every change of one is a change of the distribution.
import { randomUUID } from "node:crypto";
import { type FieldFault, Problem } from "../../../platform/problem.ts";
import { inTransaction, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import {
  insertedAt,
  merged,
  type RuleInput,
  type RuleKind,
  type RuleRecord,
  replacedAt,
  replaceRules,
  rulesByDistribution,
  tooManyRules,
  unknownRule,
  without,
} from "../rule/index.ts";
import { storeSecret } from "../secret/index.ts";
import { changeDistribution } from "./change.ts";
import type { DistributionService, DistributionSettings } from "./service.ts";
import type { DistributionState } from "./state.ts";

export type RuleService = ReturnType<typeof createRuleService>;

/** Whose rules, and which kind of them. */
export interface RuleList {
  readonly id: string;
  readonly kind: RuleKind;
}

export interface RulePlace extends RuleList {
  readonly ruleId: string;
}

type AssertRuleUnchanged = (current: RuleRecord) => void;
type AssertRulesUnchanged = (current: readonly RuleRecord[]) => void;

/** What a change of rules is made with: the transaction, who does it and when, and the distribution as it was. */
interface Work {
  readonly tx: Tx;
  readonly caller: Caller;
  readonly now: Date;
  readonly before: DistributionState;
  /** The rules of the kind in question. */
  readonly current: readonly RuleRecord[];
}

export function createRuleService(
  { db, clock, seal }: Pick<DistributionSettings, "db" | "clock" | "seal">,
  distributions: Pick<DistributionService, "get">,
) {
  async function list(caller: Caller, { id, kind }: RuleList): Promise<readonly RuleRecord[]> {
    await distributions.get(caller, id);
    const rules = (await rulesByDistribution(db, [id])).get(id) ?? [];
    return rules.filter((rule) => rule.kind === kind.name);
  }

  async function get(caller: Caller, place: RulePlace): Promise<RuleRecord> {
    return oneOf(await list(caller, place), place);
  }

  async function add(caller: Caller, place: RuleList, input: RuleInput): Promise<RuleRecord> {
    const ruleId = randomUUID();
    const after = await change(caller, place, "create", async (work) => {
      const { kind } = place;
      assertRoom(kind, work.current.length);
      const position = input.position ?? work.current.length + 1;
      const body = kind.bodyOf({ ...input, secret_ids: await sealed(work, input) });
      throwAny([...placeFaults(input.position, work.current.length + 1), ...kind.faultsOf(body, surroundings(work))]);
      return insertedAt(work.current, position, newRule(work, { id: ruleId, kind, body }));
    });
    return oneOf(after, { ...place, ruleId });
  }

  /** The whole list at once, in its new order. Those that bring their ids stay themselves. */
  async function replace(
    caller: Caller,
    place: RuleList,
    inputs: readonly RuleInput[],
    assertUnchanged: AssertRulesUnchanged = () => {},
  ): Promise<readonly RuleRecord[]> {
    return change(caller, place, "replace", async (work) => {
      assertUnchanged(work.current);
      throwAny(identityFaults(place.kind, inputs, work.current));
      const rules: RuleRecord[] = [];
      const faults: FieldFault[] = [];
      for (const [index, input] of inputs.entries()) {
        const { rule, found } = await listed(work, place.kind, input);
        rules.push(rule);
        faults.push(...found.map(({ pointer, detail }) => ({ pointer: `/data/${index}${pointer}`, detail })));
      }
      throwAny(faults);
      return rules;
    });
  }

  async function update(
    caller: Caller,
    place: RulePlace,
    patch: RuleInput,
    assertUnchanged: AssertRuleUnchanged = () => {},
  ): Promise<RuleRecord> {
    const after = await change(caller, place, "update", async (work) => {
      const current = oneOf(work.current, place);
      assertUnchanged(current);
      const { kind } = place;
      throwAny([...placeFaults(patch.position, work.current.length), ...kind.patchFaultsOf(current.body, patch)]);
      const secrets = patch.secrets === undefined ? {} : { secret_ids: await sealed(work, patch) };
      const body = kind.bodyOf({ ...Object(merged(current.body, patch)), ...secrets });
      throwAny(kind.faultsOf(body, surroundings(work)));
      const changed = { ...current, body, updatedBy: caller.userId, updatedAt: work.now };
      return replacedAt(work.current, patch.position, changed);
    });
    return oneOf(after, place);
  }

  async function remove(
    caller: Caller,
    place: RulePlace,
    assertUnchanged: AssertRuleUnchanged = () => {},
  ): Promise<void> {
    await change(caller, place, "delete", async ({ current }) => {
      assertUnchanged(oneOf(current, place));
      return without(current, place.ruleId);
    });
  }

  /** Answers the kind's rules as they are then. */
  function change(
    caller: Caller,
    { id, kind }: RuleList,
    verb: string,
    plan: (work: Work) => Promise<readonly RuleRecord[]>,
  ): Promise<readonly RuleRecord[]> {
    const ofKind = (state: DistributionState) => state.rules.filter((rule) => rule.kind === kind.name);
    return inTransaction(db, async (tx) => {
      const now = clock();
      const action = `${kind.noun.replace(" ", "-")}.${verb}`;
      const after = await changeDistribution(tx, caller, { id, action, now }, async (before) => {
        const rules = await plan({ tx, caller, now, before, current: ofKind(before) });
        await replaceRules(tx, { distributionId: id, kind: kind.name }, rules);
      });
      return ofKind(after);
    });
  }

  /** One of a list that replaces all: a new rule, or what becomes of the one whose id it brings. */
  async function listed(
    work: Work,
    kind: RuleKind,
    input: RuleInput,
  ): Promise<{ rule: RuleRecord; found: readonly FieldFault[] }> {
    const former = work.current.find((rule) => rule.id === input.id);
    const kept = former !== undefined && "secret_ids" in former.body ? former.body.secret_ids : [];
    const secretIds = input.secrets === undefined ? kept : await sealed(work, input);
    const body = kind.bodyOf({ ...input, secret_ids: secretIds });
    const rule = newRule(work, { id: input.id ?? randomUUID(), kind, body });
    return { rule, found: kind.faultsOf(body, surroundings(work)) };
  }

  /** The ids under which the secrets of a request are kept from now on. */
  async function sealed({ tx, caller, now }: Work, { secrets = [] }: RuleInput): Promise<readonly string[]> {
    const ids: string[] = [];
    for (const value of secrets) {
      const belonging = { accountId: caller.accountId, purpose: "url_signing_key" } as const;
      ids.push(await storeSecret(tx, seal, { ...belonging, value, now }));
    }
    return ids;
  }

  return { list, get, add, replace, update, remove };
}

function newRule(
  { caller, before, now }: Work,
  { id, kind, body }: { id: string; kind: RuleKind; body: object },
): RuleRecord {
  return {
    ...{ id, kind: kind.name, body, position: 0 },
    ...{ distributionId: before.record.id, accountId: before.record.accountId },
    ...{ createdBy: caller.userId, updatedBy: caller.userId, createdAt: now, updatedAt: now },
  };
}

function surroundings({ before: { record } }: Work) {
  return { hosts: [record.domain, record.cname] };
}

function oneOf(rules: readonly RuleRecord[], { ruleId, kind }: RulePlace): RuleRecord {
  const found = rules.find((rule) => rule.id === ruleId);
  if (found === undefined) throw new Problem(unknownRule, `No ${kind.noun} of this distribution has this id.`);
  return found;
}

function assertRoom({ countMax, noun }: RuleKind, count: number): void {
  if (count >= countMax)
    throw new Problem(tooManyRules, `A distribution may have ${countMax} ${noun}s: remove one first.`);
}

function throwAny(faults: readonly FieldFault[]): void {
  if (faults.length > 0) throw invalidRequest(faults);
}

function placeFaults(position: number | undefined, positionMax: number): readonly FieldFault[] {
  if (position === undefined || position <= positionMax) return [];
  return [{ pointer: "/position", detail: `must be from 1 to ${positionMax}.` }];
}

function identityFaults(
  { noun }: RuleKind,
  inputs: readonly RuleInput[],
  current: readonly RuleRecord[],
): readonly FieldFault[] {
  const ids = inputs.map(({ id }) => id);
  return ids.flatMap((id, index) => {
    if (id === undefined) return [];
    const pointer = `/data/${index}/id`;
    if (!current.some((rule) => rule.id === id)) {
      return [{ pointer, detail: `is no ${noun} of this distribution: leave it out to add one.` }];
    }
    return ids.indexOf(id) === index ? [] : [{ pointer, detail: "stands twice in the list." }];
  });
}
