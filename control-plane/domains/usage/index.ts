// What accounts use and how much they may: months, their close, quotas. The only door of this domain.
export { usageRoutes } from "./routes.ts";
export { createUsageService } from "./service.ts";
