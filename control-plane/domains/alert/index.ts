// Alerts: what accounts want to be told of when it happens. The only door of this domain.
export { alertHandlers, alertSchedules } from "./handlers.ts";
export { alertRoutes } from "./routes.ts";
export { createAlertService } from "./service.ts";
