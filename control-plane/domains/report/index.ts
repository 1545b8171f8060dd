// Reports: access-log lines in, traffic out. The only door of this domain.
export { createAccessLogService } from "./log/access-log-service.ts";
export { reportRoutes } from "./routes.ts";
export { createReportService } from "./traffic/service.ts";
