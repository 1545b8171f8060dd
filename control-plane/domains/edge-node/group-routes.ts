// Edge groups over HTTP: all of them for operators, and for customers what those may be called that exist.

import { z } from "zod";
import { numberedPageOf, numberedQuery, rangeOf } from "../../database/numbered-pages.ts";
import { pageOf, pageQuery, pageSchema, wholeListSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertIfMatch } from "../../http/etag.ts";
import { groupVersionToReply } from "./group-reply.ts";
import {
  createEdgeGroupInput,
  type EdgeGroupReply,
  edgeGroupParams,
  edgeGroupReply,
  groupRollbackInput,
  groupVersionReply,
  patchEdgeGroupInput,
  pointOfPresenceReply,
  vacateGroupInput,
  vacationReply,
} from "./group-schema.ts";
import type { EdgeGroupService } from "./group-service.ts";
import {
  anotherCanary,
  edgeGroupInUse,
  edgeGroupNameTaken,
  unknownEdgeGroup,
  unknownGroupVersion,
} from "./problems.ts";

const tag = "Edges";
const reading = { kind: "operator", scope: "platform:read" } as const;
const writing = { kind: "operator", scope: "platform:write" } as const;

export function edgeGroupRoutes(groups: EdgeGroupService): Route[] {
  return [...groupRoutes(groups), ...versionRoutes(groups), pointsOfPresenceRoute(groups)];
}

function groupRoutes(groups: EdgeGroupService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/edge-groups",
      operationId: "createEdgeGroup",
      tag,
      summary: "A point of presence; left out, its settings are whole and sensible ones",
      access: writing,
      body: createEdgeGroupInput,
      reply: { status: 201, body: edgeGroupReply },
      problems: [edgeGroupNameTaken, anotherCanary],
      async handle({ body, caller }) {
        const group = await groups.create(caller, body);
        return { headers: { location: `/api/v1/edge-groups/${group.id}` }, body: group };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/edge-groups",
      operationId: "listEdgeGroups",
      tag,
      summary: "Points of presence and their settings, newest first",
      access: reading,
      query: z.object({ ...pageQuery }),
      reply: { status: 200, body: pageSchema(edgeGroupReply) },
      async handle({ query }) {
        return { body: pageOf(await groups.list(query), query, ({ page_key: _, ...group }) => group) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/edge-groups/{id}",
      operationId: "getEdgeGroup",
      tag,
      summary: "One point of presence, and which of its edges could not take its settings",
      access: reading,
      params: edgeGroupParams,
      reply: { status: 200, body: edgeGroupReply },
      problems: [unknownEdgeGroup],
      async handle({ params }) {
        return { body: await groups.get(params.id) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/edge-groups/{id}",
      operationId: "updateEdgeGroup",
      tag,
      summary: "Change what the merge patch names; each edge tries it before it serves with it",
      access: writing,
      ifMatch: true,
      params: edgeGroupParams,
      body: patchEdgeGroupInput,
      reply: { status: 200, body: edgeGroupReply },
      problems: [unknownEdgeGroup, edgeGroupNameTaken, anotherCanary],
      async handle({ params, body, caller, facts }) {
        return { body: await groups.update(caller, params.id, body, asRead(facts)) };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/edge-groups/{id}",
      operationId: "deleteEdgeGroup",
      tag,
      summary: "Delete a group without edges that nothing names",
      access: writing,
      ifMatch: true,
      params: edgeGroupParams,
      reply: { status: 204, empty: true },
      problems: [unknownEdgeGroup, edgeGroupInUse],
      async handle({ params, caller, facts }) {
        await groups.remove(caller, params.id, asRead(facts));
        return {};
      },
    }),
    defineRoute({
      method: "POST",
      path: "/edge-groups/{id}/vacate",
      operationId: "vacateEdgeGroup",
      tag,
      summary: "Keep to another group what is kept to this one; their owners are told, and then it can be deleted",
      access: writing,
      params: edgeGroupParams,
      body: vacateGroupInput,
      reply: { status: 202, body: vacationReply },
      problems: [unknownEdgeGroup],
      async handle({ params, body, caller }) {
        return { body: { distributions: await groups.vacate(caller, params.id, body.to_group_id) } };
      },
    }),
  ];
}

function versionRoutes(groups: EdgeGroupService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/edge-groups/{id}/versions",
      operationId: "listEdgeGroupVersions",
      tag,
      summary: "Every change of a group, newest first, with its author and what differs",
      access: reading,
      params: edgeGroupParams,
      query: numberedQuery,
      reply: { status: 200, body: pageSchema(groupVersionReply) },
      problems: [unknownEdgeGroup],
      async handle({ params, query }) {
        const found = await groups.versions(params.id, rangeOf(query));
        return { body: numberedPageOf(found, query, groupVersionToReply) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/edge-groups/{id}/rollback",
      operationId: "rollBackEdgeGroup",
      tag,
      summary: "Return to a former version, as a new one",
      access: writing,
      ifMatch: true,
      params: edgeGroupParams,
      body: groupRollbackInput,
      reply: { status: 200, body: edgeGroupReply },
      problems: [unknownEdgeGroup, unknownGroupVersion, edgeGroupNameTaken, anotherCanary],
      async handle({ params, body, caller, facts }) {
        return { body: await groups.rollBack(caller, params.id, body.version, asRead(facts)) };
      },
    }),
  ];
}

function pointsOfPresenceRoute(groups: EdgeGroupService): Route {
  return defineRoute({
    method: "GET",
    path: "/points-of-presence",
    operationId: "listPointsOfPresence",
    tag: "Distributions",
    summary: "The edge groups that a distribution can be kept to, by name",
    access: { kind: "account", role: "viewer", scope: "distributions:read" },
    reply: { status: 200, body: wholeListSchema(pointOfPresenceReply) },
    async handle() {
      return { body: { data: [...(await groups.pointsOfPresence())], next_cursor: null } };
    },
  });
}

/** With If-Match, the group must still be the one that was read. */
function asRead(facts: RequestFacts): (current: EdgeGroupReply) => void {
  return (current) => assertIfMatch(facts, current);
}
