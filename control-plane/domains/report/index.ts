// Reports: access-log lines in, traffic out. The only door of this domain.

export { drawSeries, type TerminalStyle } from "./chart/terminal.ts";
export { quantityOf, told, unitFor } from "./chart/units.ts";
export { reportHandlers, reportSchedules } from "./counted/handlers.ts";
export { isReconciled } from "./counted/reconcile.ts";
export { minutesKeptDays, WHOLE_ACCOUNT } from "./counted/tables.ts";
export { liveRoutes } from "./live/routes.ts";
export { createLiveService } from "./live/service.ts";
export { createAccessLogService } from "./log/access-log-service.ts";
export { reportTooLarge } from "./problems.ts";
export { reportRoutes } from "./routes.ts";
export { topRoutes } from "./top/routes.ts";
export { createTopService } from "./top/service.ts";
export { groups as trafficGroups } from "./traffic/dimensions.ts";
export { createMeasures, type Measures, scopeKey } from "./traffic/measures.ts";
export { type Metric, metrics } from "./traffic/metrics.ts";
export { findLostLines } from "./traffic/read-model.ts";
export { createReportQueries, type ReportQueries } from "./traffic/report-queries.ts";
export { createReportService } from "./traffic/service.ts";
export { isTimeZone } from "./traffic/zone.ts";
