// Enrolment and renewal for agents; groups, nodes and enrolment tokens for operators.
import { z } from "zod";
import { pageOf, pageQuery, pageSchema } from "../../database/paging.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import { givenId } from "../../http/given-id.ts";
import { enrolmentTokenRefused, unknownEdgeGroup } from "./problems.ts";
import {
  type EdgeGroupReply,
  type EdgeReply,
  edgeGroupReply,
  edgeReply,
  enrolBody,
  enrolmentTokenReply,
  enrolReply,
  renewBody,
  renewReply,
} from "./schema.ts";
import type { EdgeNodeService } from "./service.ts";
import type { EdgeGroupRecord, EdgeNodeRecord } from "./store.ts";

const agentTag = "Edge protocol";
const operatorTag = "Edges";

export function edgeNodeRoutes({ db, edgeNodes }: { db: Database; edgeNodes: EdgeNodeService }): Route[] {
  return [...agentRoutes(edgeNodes), ...operatorRoutes(db, edgeNodes)];
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

function operatorRoutes(db: Database, edgeNodes: EdgeNodeService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/edge-groups",
      operationId: "listEdgeGroups",
      tag: operatorTag,
      summary: "Points of presence and their settings, newest first",
      access: { kind: "operator", scope: "platform:read" },
      query: z.object({ ...pageQuery }),
      reply: { status: 200, body: pageSchema(edgeGroupReply) },
      async handle({ query }) {
        return { body: pageOf(await edgeNodes.listGroups(query), query, groupToReply) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/edges",
      operationId: "listEdges",
      tag: operatorTag,
      summary: "Edge nodes and what each runs, newest first",
      access: { kind: "operator", scope: "platform:read" },
      query: z.object({ ...pageQuery, group_id: givenId.optional() }),
      reply: { status: 200, body: pageSchema(edgeReply) },
      async handle({ query }) {
        const page = { limit: query.limit, cursor: query.cursor, groupId: query.group_id };
        return { body: pageOf(await edgeNodes.listNodes(page), query, nodeToReply) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/edge-groups/{id}/enrolment-tokens",
      operationId: "createEnrolmentToken",
      tag: operatorTag,
      summary: "A token that enrols one node within 15 minutes",
      access: { kind: "operator", scope: "platform:write" },
      params: z.object({ id: givenId }),
      reply: { status: 201, body: enrolmentTokenReply },
      problems: [unknownEdgeGroup],
      async handle({ params }) {
        const created = await inTransaction(db, (tx) => edgeNodes.createEnrolmentToken(tx, params.id));
        return {
          body: { token: created.token, group_id: params.id, expires_at: created.expiresAt.toISOString() },
        };
      },
    }),
  ];
}

function groupToReply(group: EdgeGroupRecord): EdgeGroupReply {
  const { id, name, settings, capabilities, version } = group;
  return {
    ...{ id, name, settings, capabilities, version },
    created_at: group.createdAt.toISOString(),
    updated_at: group.updatedAt.toISOString(),
  };
}

function nodeToReply(node: EdgeNodeRecord): EdgeReply {
  return {
    id: node.id,
    name: node.name,
    group_id: node.groupId,
    capabilities: node.capabilities,
    last_seen_at: node.reportedAt?.toISOString() ?? null,
    running: node.report && runningOf(node.report),
    created_at: node.createdAt.toISOString(),
  };
}

function runningOf(report: NonNullable<EdgeNodeRecord["report"]>): EdgeReply["running"] {
  const { feed_id, applied, structure, documents, state_hash, refused } = report;
  return { feed_id, applied, structure, documents, state_hash, refused };
}
