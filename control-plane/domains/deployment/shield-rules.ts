// What a group's edges are told of their parents and children. No input or output.
import { SHIELD_NODES_MAX, type ShieldBody } from "../../../agents/contract.ts";
import type { EdgeGroupRecord, EdgeNodeRecord } from "../edge-node/index.ts";

type Group = Pick<EdgeGroupRecord, "id" | "settings">;
type Node = Pick<EdgeNodeRecord, "id" | "state" | "address">;

/** Undefined: the group has neither. `nodes`: those of its parent. */
export function shieldOf(group: Group, groups: readonly Group[], nodes: readonly Node[]): ShieldBody | undefined {
  const { parent_group_id: parentId } = group.settings;
  const parent = parentId === null ? null : partOf(parentId, groups, nodes);
  const children = groups.filter(({ settings }) => settings.parent_group_id === group.id).map(({ id }) => id);
  if (parentId === null && children.length === 0) return undefined;
  return { format: 1, parent, children: children.sort() };
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
