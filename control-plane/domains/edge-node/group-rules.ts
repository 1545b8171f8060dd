// What an edge group may be beside the others. No input or output.
import type { EdgeGroupSettings, EdgeGroupSettingsPatch } from "../../../edge-templates/index.ts";
import type { FieldFault } from "../../../platform/problem.ts";
import type { GroupConfiguration } from "./group-schema.ts";
import type { EdgeGroupRecord } from "./group-store.ts";

/** RFC 7396 over the settings as they are; lists are taken whole. */
export function mergedSettings(settings: EdgeGroupSettings, patch: EdgeGroupSettingsPatch): object {
  return {
    listeners: { ...settings.listeners, ...patch.listeners },
    cache: { ...settings.cache, ...patch.cache },
    documents: { ...settings.documents, ...patch.documents },
    workers: { ...settings.workers, ...patch.workers },
    modules: { ...settings.modules, ...patch.modules },
    logs: { ...settings.logs, ...patch.logs },
    region: patch.region ?? settings.region,
    parent_group_id: patch.parent_group_id === undefined ? settings.parent_group_id : patch.parent_group_id,
  };
}

const PARENT = "/settings/parent_group_id";
const LISTENER = "/settings/listeners/parent";

/** A parent exists, listens, is another group, and neither side of the pair is part of a longer chain. */
export function parentFaults(
  id: string,
  { settings: { parent_group_id: parentId, listeners } }: GroupConfiguration,
  groups: readonly EdgeGroupRecord[],
): readonly FieldFault[] {
  const child = groups.find((group) => group.settings.parent_group_id === id);
  if (child !== undefined && listeners.parent === null) {
    return [{ pointer: LISTENER, detail: `must be a port: this group is the parent of ${child.name}.` }];
  }
  if (parentId === null) return [];
  if (parentId === id) return [{ pointer: PARENT, detail: "must be another group than this one." }];
  const parent = groups.find((group) => group.id === parentId);
  if (parent === undefined) return [{ pointer: PARENT, detail: "names no edge group." }];
  if (parent.settings.parent_group_id !== null) {
    return [{ pointer: PARENT, detail: `must be a group without a parent of its own, which ${parent.name} has.` }];
  }
  if (parent.settings.listeners.parent === null) {
    return [
      {
        pointer: PARENT,
        detail: `must be a group that listens for children: give ${parent.name} a listeners.parent first.`,
      },
    ];
  }
  if (child === undefined) return [];
  return [{ pointer: PARENT, detail: `must be null: this group is the parent of ${child.name} itself.` }];
}

/** The groups whose edges need what is kept to `chosen`: those, and the parents that they ask. Null: every group. */
export function servingGroups(
  chosen: readonly string[] | null,
  groups: readonly Pick<EdgeGroupRecord, "id" | "settings">[],
): ReadonlySet<string> {
  const kept = groups.filter(({ id }) => chosen === null || chosen.includes(id));
  const parents = kept.flatMap(({ settings: { parent_group_id: parentId } }) => parentId ?? []);
  return new Set([...kept.map(({ id }) => id), ...parents]);
}
