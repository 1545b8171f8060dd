// What edges report, and the state of a deployment for customers.
import type { Database } from "../../database/transaction.ts";
import { defineRoute, type Route } from "../../http/define-route.ts";
import { type DistributionService, distributionParams, unknownDistribution } from "../distribution/index.ts";
import { readDeployment } from "./read-model.ts";
import type { EdgeReportService } from "./report.ts";
import { deploymentReply, reportBody, reportReply } from "./schema.ts";

const agentTag = "Edge protocol";

export interface DeploymentRouteSettings {
  readonly db: Database;
  readonly clock: () => Date;
  readonly reports: EdgeReportService;
  readonly distributions: Pick<DistributionService, "get">;
}

export function deploymentRoutes(settings: DeploymentRouteSettings): Route[] {
  return [reportRoute(settings.reports), deploymentRoute(settings)];
}

function reportRoute(reports: EdgeReportService): Route {
  return defineRoute({
    method: "POST",
    path: "/edge/v1/report",
    operationId: "reportEdgeState",
    tag: agentTag,
    summary: "What the edge applied and what it refused",
    access: { kind: "edge" },
    body: reportBody,
    reply: { status: 200, body: reportReply },
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
    access: { kind: "account", role: "viewer", scope: "distributions:read" },
    params: distributionParams,
    reply: { status: 200, body: deploymentReply },
    problems: [unknownDistribution],
    async handle({ params, caller }) {
      await distributions.get(caller, params.id);
      return { body: await readDeployment(db, params.id, clock()) };
    },
  });
}
