// What a group's edges are told of their parents and children. No input or output.
import { SHIELD_CHILD_NODES_MAX, SHIELD_NODES_MAX, type ShieldBody } from "../../../agents/contract.ts";
import type { EdgeGroupRecord, EdgeNodeRecord } from "../edge-node/index.ts";

type Group = Pick<EdgeGroupRecord, "id" | "settings">;
type Node = Pick<EdgeNodeRecord, "id" | "state" | "address">;

/** Ids of a group's edges, whatever their state. */
export type NodeIds = ReadonlyMap<string, readonly string[]>;

/** Undefined: the group has neither. `nodes`: those of its parent. `nodeIds`: those of every group. */
export function shieldOf(
  group: Group,
  groups: readonly Group[],
  { nodes, nodeIds }: { nodes: readonly Node[]; nodeIds: NodeIds },
): ShieldBody | undefined {
  const { parent_group_id: parentId } = group.settings;
  const parent = parentId === null ? null : partOf(parentId, groups, nodes);
  const children = groups.filter(({ settings }) => settings.parent_group_id === group.id).map(({ id }) => id);
  if (parentId === null && children.length === 0) return undefined;
  const childNodes = children.flatMap((id) => nodeIds.get(id) ?? []);
  return {
    ...{ format: 1, parent, children: children.sort() },
    // Whoever is one too many asks the origin by itself.
    child_nodes: childNodes.sort().slice(0, SHIELD_CHILD_NODES_MAX),
  };
}

/** Whoever drains, or has told no address, is asked nothing. */
function partOf(parentId: string, groups: readonly Group[], nodes: readonly Node[]): ShieldBody["parent"] {
  const port = groups.find(({ id }) => id === parentId)?.settings.listeners.parent;
  if (port === undefined || port === null) return null;
  const reachable = nodes.flatMap(({ id, state, address }) =>
    state === "active" && address !== null ? [{ id, address }] : [],
  );
  const known = reachable.sort((one, other) => one.id.localeCompare(other.id, "en")).slice(0, SHIELD_NODES_MAX);
  return { group: parentId, port, nodes: known };
}
