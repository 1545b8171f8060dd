// Prefetches: what customers want the edges to fetch before viewers ask for it. The only door of this domain.
export { prefetchHandlers, prefetchSchedules } from "./handlers.ts";
export { prefetchRoutes } from "./routes.ts";
export { createPrefetchService } from "./service.ts";
