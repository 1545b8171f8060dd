// The routes of this domain: log lines in from edges, reports out to accounts.
import type { Route } from "../../http/define-route.ts";
import type { AccessLogService } from "./log/access-log-service.ts";
import { logRoutes } from "./log/routes.ts";
import { trafficRoutes } from "./traffic/routes.ts";
import type { ReportService } from "./traffic/service.ts";

export function reportRoutes({ reports, accessLog }: { reports: ReportService; accessLog: AccessLogService }): Route[] {
  return [...trafficRoutes(reports), ...logRoutes(accessLog)];
}
