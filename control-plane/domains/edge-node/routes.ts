// Enrolment and renewal for agents; nodes and enrolment tokens for operators.
import { z } from "zod";
import { pageOf, pageQuery, pageSchema } from "../../database/paging.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { defineRoute, type Reply, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertDecidedIfMatch, etagOfParts } from "../../http/etag.ts";
import { givenId } from "../../http/given-id.ts";
import { edgeGroupParams } from "./group-schema.ts";
import { edgeNameTaken, enrolmentTokenRefused, unknownEdge, unknownEdgeGroup } from "./problems.ts";
import { seenSince } from "./rules.ts";
import {
  type EdgeReply,
  edgeParams,
  edgeReply,
  enrolBody,
  enrolmentTokenReply,
  enrolReply,
  patchEdgeInput,
  renewBody,
  renewReply,
} from "./schema.ts";
import type { EdgeNodeService } from "./service.ts";
import type { EdgeNodeRecord } from "./store.ts";

const agentTag = "Edge protocol";
const operatorTag = "Edges";

const reading = { kind: "operator", scope: "platform:read" } as const;
const writing = { kind: "operator", scope: "platform:write" } as const;

export interface EdgeNodeRouteSettings {
  readonly db: Database;
  readonly edgeNodes: EdgeNodeService;
  readonly clock: () => Date;
}

export function edgeNodeRoutes({ db, edgeNodes, clock }: EdgeNodeRouteSettings): Route[] {
  return [...agentRoutes(edgeNodes), ...operatorRoutes(db, edgeNodes, clock)];
}

function agentRoutes(edgeNodes: EdgeNodeService): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/edge/v1/enrol",
      operationId: "enrolEdge",
      tag: agentTag,
      summary: "Become a node of the token's group",
      access: { kind: "public" },
      attempts: true,
      body: enrolBody,
      reply: { status: 200, body: enrolReply },
      problems: [enrolmentTokenRefused],
      async handle({ body }) {
        return { body: await edgeNodes.enrol(body) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/edge/v1/renew",
      operationId: "renewEdgeCertificate",
      tag: agentTag,
      summary: "A new certificate before the old one ends",
      access: { kind: "edge" },
      body: renewBody,
      reply: { status: 200, body: renewReply },
      async handle({ body, caller }) {
        return { body: { certificate: await edgeNodes.renew(caller, body.csr) } };
      },
    }),
  ];
}

function operatorRoutes(db: Database, edgeNodes: EdgeNodeService, clock: () => Date): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/edges",
      operationId: "listEdges",
      tag: operatorTag,
      summary: "Edge nodes and what each runs, newest first",
      access: reading,
      query: z.object({ ...pageQuery, group_id: givenId.optional() }),
      reply: { status: 200, body: pageSchema(edgeReply) },
      async handle({ query }) {
        const page = { limit: query.limit, cursor: query.cursor, groupId: query.group_id };
        return { body: pageOf(await edgeNodes.listNodes(page), query, (node) => nodeToReply(node, clock())) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/edges/{id}",
      operationId: "getEdge",
      tag: operatorTag,
      summary: "One edge node: what it runs, and what it refused",
      access: reading,
      params: edgeParams,
      reply: { status: 200, body: edgeReply },
      problems: [unknownEdge],
      async handle({ params }) {
        return taggedReply(await edgeNodes.getNode(params.id), clock());
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/edges/{id}",
      operationId: "updateEdge",
      tag: operatorTag,
      summary: "Drain an edge, take it out for maintenance or back, name it, or say where it is",
      access: writing,
      ifMatch: true,
      params: edgeParams,
      body: patchEdgeInput,
      reply: { status: 200, body: edgeReply },
      problems: [unknownEdge, edgeNameTaken],
      async handle({ params, body, caller, facts }) {
        return taggedReply(await edgeNodes.updateNode(caller, params.id, body, asRead(facts)), clock());
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/edges/{id}",
      operationId: "deleteEdge",
      tag: operatorTag,
      summary: "Lock an edge out for good: its certificate is worth nothing from now on",
      access: writing,
      ifMatch: true,
      params: edgeParams,
      reply: { status: 204, empty: true },
      problems: [unknownEdge],
      async handle({ params, caller, facts }) {
        await edgeNodes.removeNode(caller, params.id, asRead(facts));
        return {};
      },
    }),
    defineRoute({
      method: "POST",
      path: "/edge-groups/{id}/enrolment-tokens",
      operationId: "createEnrolmentToken",
      tag: operatorTag,
      summary: "A token that enrols one node within 15 minutes",
      access: writing,
      params: edgeGroupParams,
      reply: { status: 201, body: enrolmentTokenReply },
      problems: [unknownEdgeGroup],
      async handle({ params, caller }) {
        const created = await inTransaction(db, (tx) => edgeNodes.createEnrolmentToken(tx, params.id, caller));
        return {
          body: { token: created.token, group_id: params.id, expires_at: created.expiresAt.toISOString() },
        };
      },
    }),
  ];
}

/** What operators decide of an edge. What it reports moves every few seconds. */
function decidedOf({ id, groupId, name, address, state, version }: EdgeNodeRecord) {
  return { id, groupId, name, address, state, version };
}

/** With If-Match, the edge must still be the one that was read. */
function asRead(facts: RequestFacts): (current: EdgeNodeRecord) => void {
  return (current) => assertDecidedIfMatch(facts, decidedOf(current));
}

function taggedReply(node: EdgeNodeRecord, now: Date): Reply<EdgeReply> {
  const body = nodeToReply(node, now);
  return { headers: { etag: etagOfParts({ decided: decidedOf(node), body }) }, body };
}

function nodeToReply(node: EdgeNodeRecord, now: Date): EdgeReply {
  const { id, name, groupId, address, state, capabilities, reportedAt, report } = node;
  return {
    ...{ id, name, group_id: groupId, address, state, capabilities },
    last_seen_at: reportedAt?.toISOString() ?? null,
    is_live: reportedAt !== null && reportedAt > seenSince(now),
    running: report && runningOf(report),
    created_at: node.createdAt.toISOString(),
  };
}

function runningOf(report: NonNullable<EdgeNodeRecord["report"]>): EdgeReply["running"] {
  const { feed_id, applied, structure, documents, state_hash, refused } = report;
  return { feed_id, applied, structure, documents, state_hash, refused, logs: logsOf(report) };
}

function logsOf({ logs }: NonNullable<EdgeNodeRecord["report"]>): NonNullable<EdgeReply["running"]>["logs"] {
  if (logs === undefined) return null;
  const { behind_since, unsent_bytes, lost_lines } = logs;
  return {
    behind_since: behind_since === null ? null : new Date(behind_since).toISOString(),
    ...{ unsent_bytes, lost_lines },
  };
}
