// The origin shield in the feed: every group that has a parent or children has a record that names them. Settings of groups
// and states of nodes all end here, and whatever changed, each record is made anew and appended when it says something else.
import { type Database, inTransaction, type Reads, type Tx } from "../../database/transaction.ts";
import { type EdgeNodeRecord, findGroups, findNodeIds, findNodesOfGroup } from "../edge-node/index.ts";
import {
  type AppendSettings,
  appendRecords,
  candidate,
  findRecordHeads,
  findRecordsById,
  openScope,
  openWriter,
} from "../feed/index.ts";
import { shieldOf } from "./shield-rules.ts";

/** Rises with what a body can say. 2: it names the children's edges. */
const SHIELD_VERSION = 2;

/** Returns how many groups were told something new. */
export async function deployShields(settings: AppendSettings): Promise<number> {
  const { db, announce } = settings;
  const changed = await findChanged(db);
  for (const groupId of changed) {
    await inTransaction(db, (tx) => appendShield(tx, settings, groupId));
    announce(groupId);
  }
  return changed.length;
}

async function findChanged(db: Database): Promise<readonly string[]> {
  const bodies = await bodiesOf(db);
  const known = new Map((await findRecordsById(db, "shield", [...bodies.keys()])).map((record) => [record.id, record]));
  return [...bodies].flatMap(([id, body]) => {
    const record = known.get(id);
    return isNewer(record) || body === (record?.body ?? "") ? [] : [id];
  });
}

/** A newer worker says more: what it wrote is not this one's to take back. */
function isNewer(record: { readonly compiler_version: number } | undefined): boolean {
  return record !== undefined && record.compiler_version > SHIELD_VERSION;
}

/** Looked at once more under the scope's lock: whoever comes last has seen every change that was before. */
async function appendShield(tx: Tx, { signer, clock }: AppendSettings, groupId: string): Promise<void> {
  const writer = await openWriter(tx, { signer, now: clock() });
  const scope = await openScope(tx, groupId);
  const key = { kind: "shield", id: groupId } as const;
  const [head] = await findRecordHeads(tx, groupId, [key]);
  const body = (await bodiesOf(tx)).get(groupId) ?? "";
  const sourceVersion = (head?.source_version ?? 0) + 1;
  const wanted = candidate(key, body, { sourceVersion, compilerVersion: SHIELD_VERSION });
  if (isNewer(head)) return;
  if (head?.op === wanted.op && head.hash === wanted.hash) return;
  await appendRecords(tx, writer, scope, [wanted]);
}

/** By group; empty where there is nothing to know. */
async function bodiesOf(reads: Reads): Promise<ReadonlyMap<string, string>> {
  const groups = await findGroups(reads);
  const parents = new Set(groups.flatMap(({ settings }) => settings.parent_group_id ?? []));
  const nodes = new Map<string, readonly EdgeNodeRecord[]>();
  for (const parentId of parents) nodes.set(parentId, await findNodesOfGroup(reads, parentId));
  const nodeIds = await findNodeIds(
    reads,
    groups.flatMap(({ id, settings }) => (settings.parent_group_id === null ? [] : [id])),
  );
  return new Map(
    groups.map((group) => {
      const parents = nodes.get(group.settings.parent_group_id ?? "") ?? [];
      const body = shieldOf(group, groups, { nodes: parents, nodeIds });
      return [group.id, body === undefined ? "" : JSON.stringify(body)];
    }),
  );
}
