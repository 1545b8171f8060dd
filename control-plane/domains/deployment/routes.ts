// The feed for agents, and the state of a deployment for customers.
import {
  FEED_ID_HEADER,
  feedKeysReplySchema,
  reportReplySchema,
  reportRequestSchema,
} from "../../../agents/contract.ts";
import type { Database } from "../../database/transaction.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import { type DistributionService, distributionParams, unknownDistribution } from "../distribution/index.ts";
import { listFeedKeys } from "./feed-store.ts";
import type { FeedGateway } from "./gateway.ts";
import { anotherFeed, changesForgotten, feedNotReady, tooManyWaiting } from "./problems.ts";
import { readDeployment } from "./read-model.ts";
import type { ReportService } from "./report.ts";
import { changesQuery, deploymentReply } from "./schema.ts";
import { rawOf } from "./signer.ts";
import type { SnapshotReader } from "./snapshot.ts";

const agentTag = "Edge protocol";

export interface DeploymentRouteSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly gateway: FeedGateway;
  readonly readSnapshot: SnapshotReader;
  readonly reports: ReportService;
  readonly distributions: Pick<DistributionService, "get">;
}

export function deploymentRoutes(settings: DeploymentRouteSettings): Route[] {
  return [...feedRoutes(settings), reportRoute(settings.reports), deploymentRoute(settings)];
}

function feedRoutes({ db, gateway, readSnapshot }: DeploymentRouteSettings): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/edge/v1/feed-keys",
      operationId: "readFeedKeys",
      tag: agentTag,
      summary: "The keys that sign the feed, each with the former one's signature over it",
      access: { kind: "edge" },
      reply: { status: 200, body: feedKeysReplySchema },
      async handle() {
        const keys = await listFeedKeys(db);
        return {
          body: {
            feed_keys: keys.map(({ id, public_key, endorsement }) => ({
              id,
              public_key: rawOf(public_key),
              endorsement,
            })),
          },
        };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/edge/v1/changes",
      operationId: "readFeedChanges",
      tag: agentTag,
      summary: "The feed's records after a revision, waiting for new ones",
      access: { kind: "edge" },
      query: changesQuery,
      // Encoded once for all agents; its shape is changesReplySchema of agents/contract.ts.
      reply: { status: 200, raw: "application/json" },
      problems: [anotherFeed, changesForgotten, feedNotReady, tooManyWaiting],
      async handle({ query, caller, facts }) {
        const asked = { feedId: query.feed_id, since: query.since, waitMs: query.wait * 1000 };
        const answer = await gateway.changes(caller, asked, facts.signal);
        return answer === undefined ? { status: 304 } : { body: answer };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/edge/v1/snapshot",
      operationId: "readFeedSnapshot",
      tag: agentTag,
      summary: "The newest checkpoint, or 204 when there is none",
      access: { kind: "edge" },
      reply: { status: 200, raw: "application/octet-stream" },
      problems: [feedNotReady],
      async handle({ caller, facts }) {
        const { feedId, file } = await readSnapshot(caller, facts.signal);
        const headers = { [FEED_ID_HEADER]: feedId };
        return file === undefined ? { status: 204, headers } : { headers, body: file };
      },
    }),
  ];
}

function reportRoute(reports: ReportService): Route {
  return defineRoute({
    method: "POST",
    path: "/edge/v1/report",
    operationId: "reportEdgeState",
    tag: agentTag,
    summary: "What the edge applied and what it refused",
    access: { kind: "edge" },
    body: reportRequestSchema,
    reply: { status: 200, body: reportReplySchema },
    async handle({ body, caller }) {
      return { body: await reports.report(caller, body) };
    },
  });
}

function deploymentRoute({ db, clock, distributions }: DeploymentRouteSettings): Route {
  return defineRoute({
    method: "GET",
    path: "/distributions/{id}/deployment",
    operationId: "getDeployment",
    tag: "Distributions",
    summary: "How far the distribution got on the edges",
    access: { kind: "account", role: "viewer" },
    params: distributionParams,
    reply: { status: 200, body: deploymentReply },
    problems: [unknownDistribution],
    async handle({ params, caller }) {
      await distributions.get(caller, params.id);
      return { body: await readDeployment(db, params.id, clock()) };
    },
  });
}
