// Edge groups and their versions on the wire.
import type { EdgeGroupReply, GroupVersionReply } from "./group-schema.ts";
import type { EdgeGroupRecord, EdgeGroupVersion } from "./group-store.ts";
import type { EdgeNodeRecord } from "./store.ts";

/** `refusers` may be of other groups too. */
export function groupToReply(group: EdgeGroupRecord, refusers: readonly EdgeNodeRecord[]): EdgeGroupReply {
  const { id, name, settings, capabilities } = group;
  return {
    ...{ id, name, settings, is_canary: group.isCanary, capabilities, version: group.configurationVersion },
    refused: refusers.filter(({ groupId }) => groupId === id).flatMap(structureRefusals),
    created_at: group.createdAt.toISOString(),
    updated_at: group.updatedAt.toISOString(),
  };
}

function structureRefusals({ id, name, report }: EdgeNodeRecord): EdgeGroupReply["refused"] {
  const refused = report?.refused.filter(({ kind }) => kind === "structure") ?? [];
  return refused.map(({ rev, stage, message }) => ({ edge_id: id, edge: name, revision: rev, stage, message }));
}

export function groupVersionToReply(version: EdgeGroupVersion): GroupVersionReply {
  return {
    number: version.number,
    action: version.action,
    user_id: version.userId,
    api_token_id: version.apiTokenId,
    created_at: version.createdAt.toISOString(),
    configuration: version.configuration,
    changes: [...version.changes],
  };
}
