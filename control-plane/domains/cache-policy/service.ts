// An account's cache policies: lists of cache rules with a name, which any of its distributions may use.
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { AccelerationType, DesiredCacheRule } from "../../../edge-templates/index.ts";
import { Problem } from "../../../platform/problem.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import type { Caller } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { differences, recordAudit } from "../audit/index.ts";
import { desiredCacheRule } from "../rule/index.ts";
import { builtInPolicies } from "./built-in.ts";
import { cachePolicyChanged } from "./jobs.ts";
import {
  builtInCachePolicy,
  cachePolicyInUse,
  cachePolicyNameTaken,
  tooManyCachePolicies,
  unknownCachePolicy,
} from "./problems.ts";
import { builtInToReply, policyToReply } from "./reply.ts";
import { defaultRules, findBuiltIn, isNameTaken, policyRuleFaults } from "./rules.ts";
import {
  type CachePolicyReply,
  type CreateCachePolicyInput,
  type PatchCachePolicyInput,
  storedRules,
} from "./schema.ts";
import {
  type CachePolicyRecord,
  deletePolicy,
  findPolicies,
  findPolicy,
  holdPolicy,
  insertPolicy,
  lockPolicy,
  lockPolicyNames,
  updatePolicy,
} from "./store.ts";

export type CachePolicyService = ReturnType<typeof createCachePolicyService>;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
type AssertUnchanged = (current: CachePolicyReply) => void;
const whateverItIs: AssertUnchanged = () => {};

const POLICIES_MAX = 50;

export function createCachePolicyService({
  db,
  clock,
  countUses,
}: {
  db: Database;
  clock: () => Date;
  /** How many distributions name this policy. */
  countUses: (reads: Reads, policyId: string) => Promise<number>;
}) {
  /** The built-in ones, then the account's own by name. */
  async function list(caller: Caller): Promise<readonly CachePolicyReply[]> {
    const own = await findPolicies(db, caller.accountId);
    return [...Object.values(builtInPolicies).map(builtInToReply), ...own.map(policyToReply)];
  }

  async function get(caller: Caller, id: string): Promise<CachePolicyReply> {
    const builtIn = findBuiltIn(id);
    if (builtIn !== undefined) return builtInToReply(builtIn);
    return policyToReply(assertFound(await findPolicy(db, { accountId: caller.accountId, id })));
  }

  async function create(caller: Caller, input: CreateCachePolicyInput): Promise<CachePolicyReply> {
    const rules = checkedRules(input.rules);
    const now = clock();
    const policy: CachePolicyRecord = {
      id: randomUUID(),
      accountId: caller.accountId,
      name: input.name,
      description: input.description,
      rules,
      createdBy: caller.userId,
      updatedBy: caller.userId,
      createdAt: now,
      updatedAt: now,
    };
    return inTransaction(db, async (tx) => {
      const others = await assertNameFree(tx, policy);
      if (others.length >= POLICIES_MAX) {
        throw new Problem(tooManyCachePolicies, `An account may have ${POLICIES_MAX}: delete one that nothing uses.`);
      }
      await insertPolicy(tx, policy);
      await record(tx, caller, "cache-policy.create", { before: undefined, after: policy });
      return policyToReply(policy);
    });
  }

  async function update(
    caller: Caller,
    id: string,
    patch: PatchCachePolicyInput,
    assertUnchanged: AssertUnchanged = whateverItIs,
  ): Promise<CachePolicyReply> {
    assertNotBuiltIn(id);
    const rules = patch.rules === undefined ? undefined : checkedRules(patch.rules);
    return inTransaction(db, async (tx) => {
      const before = assertFound(await lockPolicy(tx, { accountId: caller.accountId, id }));
      assertUnchanged(policyToReply(before));
      const after: CachePolicyRecord = {
        ...before,
        name: patch.name ?? before.name,
        description: patch.description ?? before.description,
        rules: rules ?? before.rules,
      };
      if (isDeepStrictEqual(after, before)) return policyToReply(before);
      if (after.name !== before.name) await assertNameFree(tx, after);
      const written = { ...after, updatedBy: caller.userId, updatedAt: clock() };
      await updatePolicy(tx, written);
      await record(tx, caller, "cache-policy.update", { before, after });
      if (!isDeepStrictEqual(after.rules, before.rules)) {
        await enqueueJob(tx, cachePolicyChanged, { cache_policy_id: id, after: null });
      }
      return policyToReply(written);
    });
  }

  async function remove(caller: Caller, id: string, assertUnchanged: AssertUnchanged = whateverItIs): Promise<void> {
    assertNotBuiltIn(id);
    await inTransaction(db, async (tx) => {
      const before = assertFound(await lockPolicy(tx, { accountId: caller.accountId, id }));
      assertUnchanged(policyToReply(before));
      const uses = await countUses(tx, id);
      if (uses > 0) throw new Problem(cachePolicyInUse, inUse(uses));
      await deletePolicy(tx, id);
      await record(tx, caller, "cache-policy.delete", { before, after: undefined });
    });
  }

  return { list, get, create, update, remove };
}

/** The rules of a distribution's policy: the one that it names, or the built-in one of its kind. */
export async function findPolicyRules(
  reads: Reads,
  distribution: {
    readonly accountId: string;
    readonly policyId: string | null;
    readonly accelerationType: AccelerationType;
    readonly isLivestream: boolean;
  },
): Promise<readonly DesiredCacheRule[]> {
  const { accountId, policyId } = distribution;
  if (policyId === null) return defaultRules(distribution);
  const builtIn = findBuiltIn(policyId);
  if (builtIn !== undefined) return builtIn.rules;
  const policy = await findPolicy(reads, { accountId, id: policyId });
  return policy === undefined ? defaultRules(distribution) : policy.rules.map(desiredCacheRule);
}

/** Whether the account's distributions may name it. In a transaction, it then stays until that ends. */
export async function isPolicyOf(reads: Reads, accountId: string, id: string): Promise<boolean> {
  return findBuiltIn(id) !== undefined || holdPolicy(reads, { accountId, id });
}

function checkedRules(input: CreateCachePolicyInput["rules"]): CachePolicyRecord["rules"] {
  const rules = storedRules.parse(input);
  const faults = policyRuleFaults(rules);
  if (faults.length > 0) throw invalidRequest(faults);
  return rules;
}

/** Answers the account's policies; no other writer changes their names before the transaction ends. */
async function assertNameFree(tx: Tx, policy: CachePolicyRecord): Promise<readonly CachePolicyRecord[]> {
  await lockPolicyNames(tx, policy.accountId);
  const others = await findPolicies(tx, policy.accountId);
  if (!isNameTaken(policy.name, others, policy.id)) return others;
  throw new Problem(cachePolicyNameTaken, `A policy is called ${policy.name} already: choose another name.`);
}

function assertNotBuiltIn(id: string): void {
  const policy = findBuiltIn(id);
  if (policy === undefined) return;
  const cure = "make one of your own with its rules and change that.";
  throw new Problem(builtInCachePolicy, `${policy.name} is a built-in policy, the same for everybody: ${cure}`);
}

/** Absent and foreign look the same. */
function assertFound(policy: CachePolicyRecord | undefined): CachePolicyRecord {
  if (policy === undefined) throw new Problem(unknownCachePolicy, "No cache policy of this account has this id.");
  return policy;
}

function inUse(uses: number): string {
  const who = uses === 1 ? "One distribution uses" : `${uses} distributions use`;
  return `${who} it: give them another cache_policy_id first.`;
}

async function record(
  tx: Tx,
  caller: Caller,
  action: string,
  { before, after }: { before: CachePolicyRecord | undefined; after: CachePolicyRecord | undefined },
): Promise<void> {
  const resourceId = after?.id ?? before?.id ?? "";
  const changes = differences(contentOf(before), contentOf(after));
  await recordAudit(tx, caller, {
    action,
    accountId: caller.accountId,
    resourceType: "cache-policy",
    resourceId,
    changes,
  });
}

function contentOf(policy: CachePolicyRecord | undefined): object | undefined {
  return policy && { name: policy.name, description: policy.description, rules: policy.rules };
}
