// Edge groups as operators make and change them. Each change is one transaction: checked beside the other groups, numbered,
// told to the audit log, and on its way to the group's edges.
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  CompileRefusal,
  compileStructure,
  type EdgeGroupSettings,
  edgeGroupSettingsSchema,
} from "../../../edge-templates/index.ts";
import { Problem } from "../../../platform/problem.ts";
import type { NumberedRange } from "../../database/numbered-pages.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import { type Actor, platformActor } from "../../http/caller.ts";
import { jsonPointer } from "../../http/parse-request.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { differences, recordAudit } from "../audit/index.ts";
import { groupToReply } from "./group-reply.ts";
import { mergedSettings, parentFaults } from "./group-rules.ts";
import type { CreateEdgeGroupInput, EdgeGroupReply, GroupConfiguration, PatchEdgeGroupInput } from "./group-schema.ts";
import {
  deleteGroup,
  type EdgeGroupRecord,
  type EdgeGroupVersion,
  findGroup,
  findGroups,
  findGroupVersion,
  findGroupVersions,
  insertGroup,
  insertGroupVersion,
  listGroups,
  lockGroup,
  lockGroups,
  lockGroupWhole,
  updateGroup,
} from "./group-store.ts";
import { edgeGroupChanged, edgeGroupPlaced } from "./jobs.ts";
import {
  anotherCanary,
  edgeGroupInUse,
  edgeGroupNameTaken,
  unknownEdgeGroup,
  unknownGroupVersion,
} from "./problems.ts";
import { findNodesOfGroup, findStructureRefusers } from "./store.ts";
import { vacateGroup } from "./vacate-group.ts";

export type EdgeGroupService = ReturnType<typeof createEdgeGroupService>;

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
type AssertUnchanged = (current: EdgeGroupReply) => void;
const whateverItIs: AssertUnchanged = () => {};

export interface EdgeGroupServiceSettings {
  readonly db: Database;
  readonly clock: () => Date;
  /** How many distributions are kept to this group by name. */
  readonly countUses: (reads: Reads, groupId: string) => Promise<number>;
  /** Which secrets it needed. */
  readonly forgetSecrets: (tx: Tx, groupId: string) => Promise<void>;
}

export function createEdgeGroupService({ db, clock, countUses, forgetSecrets }: EdgeGroupServiceSettings) {
  async function list(page: PageQuery): Promise<readonly (EdgeGroupReply & { page_key: string })[]> {
    const groups = await listGroups(db, page);
    const refusers = await findStructureRefusers(
      db,
      groups.map(({ id }) => id),
    );
    return groups.map((group) => ({ ...groupToReply(group, refusers), page_key: group.page_key }));
  }

  async function get(id: string): Promise<EdgeGroupReply> {
    return replyOf(db, assertFound(await findGroup(db, id)));
  }

  async function create(actor: Actor, input: CreateEdgeGroupInput): Promise<EdgeGroupReply> {
    return inTransaction(db, async (tx) => {
      const group = await createIn(tx, actor, input);
      return groupToReply(group, []);
    });
  }

  async function createIn(tx: Tx, actor: Actor, input: CreateEdgeGroupInput): Promise<EdgeGroupRecord> {
    const id = randomUUID();
    assertFits(id, null, input, await lockGroups(tx));
    const now = clock();
    const { name, settings, is_canary: isCanary } = input;
    await insertGroup(tx, { id, name, settings, isCanary, configurationVersion: 1, createdAt: now });
    await record(tx, actor, { id, number: 1, action: "edge-group.create", now }, undefined, input);
    return assertFound(await findGroup(tx, id));
  }

  const update = (actor: Actor, id: string, patch: PatchEdgeGroupInput, assertUnchanged = whateverItIs) =>
    changeAsRead(actor, { id, action: "edge-group.update", assertUnchanged }, async (_, before) => ({
      name: patch.name ?? before.name,
      settings: patch.settings === undefined ? before.settings : checkedSettings(before.settings, patch.settings),
      is_canary: patch.is_canary ?? before.isCanary,
    }));

  /** A version of its own: nothing is taken out of the history. */
  const rollBack = (actor: Actor, id: string, number: number, assertUnchanged = whateverItIs) =>
    changeAsRead(actor, { id, action: "edge-group.rollback", assertUnchanged }, async (tx, _, others) => {
      const version = await findGroupVersion(tx, id, number);
      if (version === undefined) throw new Problem(unknownGroupVersion, `The group has no version ${number}.`);
      const [fault] = parentFaults(id, version.configuration, others);
      if (fault === undefined) return version.configuration;
      const detail = `does not fit any more: ${fault.pointer} ${fault.detail}`;
      throw invalidRequest([{ pointer: "/version", detail }]);
    });

  async function changeAsRead(
    actor: Actor,
    { id, action, assertUnchanged }: { id: string; action: string; assertUnchanged: AssertUnchanged },
    want: (tx: Tx, before: EdgeGroupRecord, others: readonly EdgeGroupRecord[]) => Promise<GroupConfiguration>,
  ): Promise<EdgeGroupReply> {
    return inTransaction(db, async (tx) => {
      const others = await lockGroups(tx);
      const before = assertFound(await lockGroup(tx, id));
      assertUnchanged(await replyOf(tx, before));
      const wanted = await want(tx, before, others);
      return replyOf(tx, await change(tx, actor, { action, before, wanted, others }));
    });
  }

  /** The group of this name with these settings, made or changed as needed. */
  async function ensure(
    tx: Tx,
    { name, settings }: { name: string; settings: EdgeGroupSettings },
  ): Promise<EdgeGroupRecord> {
    const others = await lockGroups(tx);
    const known = others.find((group) => group.name === name);
    if (known === undefined) return createIn(tx, platformActor, { name, settings, is_canary: false });
    const before = assertFound(await lockGroup(tx, known.id));
    const wanted = { name, settings, is_canary: before.isCanary };
    return change(tx, platformActor, { action: "edge-group.update", before, wanted, others });
  }

  async function change(
    tx: Tx,
    actor: Actor,
    { action, before, wanted, others }: GroupChange,
  ): Promise<EdgeGroupRecord> {
    const { id } = before;
    const previous = configurationOf(before);
    if (isDeepStrictEqual(previous, wanted)) return before;
    assertFits(id, before, wanted, others);
    const now = clock();
    // A group that is older than versions are: what it was is its first one.
    if (before.configurationVersion === 0) {
      const first = { id, number: 1, action: "edge-group.create", now: before.createdAt };
      await insertGroupVersion(tx, versionOf(platformActor, first, undefined, previous));
    }
    const number = Math.max(before.configurationVersion, 1) + 1;
    await record(tx, actor, { id, number, action, now }, previous, wanted);
    const { name, settings, is_canary: isCanary } = wanted;
    await updateGroup(tx, id, { name, settings, isCanary, configurationVersion: number }, now);
    if (!isDeepStrictEqual(previous.settings, settings)) await enqueueJob(tx, edgeGroupChanged, { group_id: id });
    if (previous.settings.parent_group_id !== settings.parent_group_id) {
      await enqueueJob(tx, edgeGroupPlaced, { group_id: id, after: null });
    }
    return assertFound(await findGroup(tx, id));
  }

  async function remove(actor: Actor, id: string, assertUnchanged: AssertUnchanged = whateverItIs): Promise<void> {
    await inTransaction(db, async (tx) => {
      const others = await lockGroups(tx);
      const before = assertFound(await lockGroupWhole(tx, id));
      assertUnchanged(await replyOf(tx, before));
      const obstacle = await findObstacle(tx, id, others);
      if (obstacle !== undefined) throw new Problem(edgeGroupInUse, obstacle);
      await forgetSecrets(tx, id);
      await deleteGroup(tx, id);
      const changes = differences(configurationOf(before), undefined);
      const deed = {
        action: "edge-group.delete",
        accountId: null,
        resourceType: "edge-group",
        resourceId: id,
        changes,
      };
      await recordAudit(tx, actor, deed);
    });
  }

  async function findObstacle(tx: Tx, id: string, groups: readonly EdgeGroupRecord[]): Promise<string | undefined> {
    const nodes = await findNodesOfGroup(tx, id);
    if (nodes.length > 0) return `It has edges (${nodes.length}): delete them first.`;
    const child = groups.find(({ settings }) => settings.parent_group_id === id);
    if (child !== undefined) return `It is the parent of ${child.name}: give that another parent first.`;
    const uses = await countUses(tx, id);
    return uses === 0
      ? undefined
      : `Distributions are kept to it (${uses}): move them to another group first (vacate).`;
  }

  const vacate = (actor: Actor, id: string, toId: string) =>
    inTransaction(db, (tx) => vacateGroup(tx, actor, { id, toId, assertFound, countUses }));

  async function versions(id: string, page: NumberedRange): Promise<readonly EdgeGroupVersion[]> {
    assertFound(await findGroup(db, id));
    return findGroupVersions(db, id, page);
  }

  async function pointsOfPresence(): Promise<readonly { id: string; name: string }[]> {
    const groups = await findGroups(db);
    return groups.map(({ id, name }) => ({ id, name })).sort((one, other) => one.name.localeCompare(other.name));
  }

  return { list, get, create, update, rollBack, remove, vacate, versions, ensure, pointsOfPresence };
}

interface GroupChange {
  readonly action: string;
  readonly before: EdgeGroupRecord;
  readonly wanted: GroupConfiguration;
  readonly others: readonly EdgeGroupRecord[];
}

interface Moment {
  readonly id: string;
  readonly number: number;
  readonly action: string;
  readonly now: Date;
}

async function record(
  tx: Tx,
  actor: Actor,
  moment: Moment,
  before: GroupConfiguration | undefined,
  after: GroupConfiguration,
): Promise<void> {
  const { id, action } = moment;
  const changes = differences(before, after);
  await recordAudit(tx, actor, { action, accountId: null, resourceType: "edge-group", resourceId: id, changes });
  await insertGroupVersion(tx, versionOf(actor, moment, before, after));
}

function versionOf(
  { userId, apiTokenId }: Actor,
  { id: groupId, number, action, now: createdAt }: Moment,
  before: GroupConfiguration | undefined,
  configuration: GroupConfiguration,
): EdgeGroupVersion {
  const changes = differences(before, configuration);
  return { groupId, number, action, userId, apiTokenId, createdAt, configuration, changes };
}

async function replyOf(reads: Reads, group: EdgeGroupRecord): Promise<EdgeGroupReply> {
  return groupToReply(group, await findStructureRefusers(reads, [group.id]));
}

function configurationOf({ name, settings, isCanary }: EdgeGroupRecord): GroupConfiguration {
  return { name, settings, is_canary: isCanary };
}

function checkedSettings(
  settings: EdgeGroupSettings,
  patch: NonNullable<PatchEdgeGroupInput["settings"]>,
): EdgeGroupSettings {
  const parsed = edgeGroupSettingsSchema.safeParse(mergedSettings(settings, patch));
  if (parsed.success) return parsed.data;
  throw invalidRequest(
    parsed.error.issues.map(({ path, message }) => ({ pointer: jsonPointer(["settings", ...path]), detail: message })),
  );
}

/** `before` is null for a new one. */
function assertFits(
  id: string,
  before: EdgeGroupRecord | null,
  wanted: GroupConfiguration,
  groups: readonly EdgeGroupRecord[],
): void {
  const others = groups.filter((group) => group.id !== id);
  if (others.some(({ name }) => name === wanted.name)) {
    throw new Problem(edgeGroupNameTaken, `A group is called ${wanted.name} already: choose another name.`);
  }
  const canary = wanted.is_canary ? others.find(({ isCanary }) => isCanary) : undefined;
  if (canary !== undefined) {
    throw new Problem(anotherCanary, `${canary.name} is the canary group: set its is_canary to false first.`);
  }
  const faults = parentFaults(id, wanted, others);
  if (faults.length > 0) throw invalidRequest(faults);
  assertRenders(id, before, wanted);
}

/** What no edge could be given is a fault of the request. What only an edge can know, it tells the group. */
function assertRenders(id: string, before: EdgeGroupRecord | null, { name, settings }: GroupConfiguration): void {
  const unknown = { nginx: "", http3: true, http2_directive: true, balancer_keepalive: true, brotli: true };
  try {
    compileStructure({ id, name, settings, capabilities: before?.capabilities ?? unknown, ownNames: ["localhost"] });
  } catch (error) {
    if (!(error instanceof CompileRefusal)) throw error;
    throw invalidRequest([{ pointer: "/settings", detail: `no edge can run these: ${error.message}.` }], error);
  }
}

function assertFound(group: EdgeGroupRecord | undefined): EdgeGroupRecord {
  if (group === undefined) throw new Problem(unknownEdgeGroup, "No edge group has this id.");
  return group;
}
