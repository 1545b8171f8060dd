// What accounts use and how much they may: months, their close, quotas. The only door of this domain.
export { closingHandlers, closingSchedules, usageHandlers, usageSchedules } from "./handlers.ts";
export { quotaRoutes } from "./quota-routes.ts";
export { createQuotaService } from "./quota-service.ts";
export { usageRoutes } from "./routes.ts";
export { createUsageService } from "./service.ts";
