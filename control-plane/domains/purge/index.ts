// Purges: what customers ask for, its way into the feeds, and how far each edge got. The only door of this domain.
export { marksForArrivals } from "./append.ts";
export { renumberPurges, settlePurges } from "./delivery-store.ts";
export { assertNotTooMuch, auditedItems, tooMuch } from "./extent.ts";
export { forgetPassed } from "./forget.ts";
export { purgeHandlers, purgeSchedules } from "./handlers.ts";
export { purgeRoutes } from "./routes.ts";
export { readTarget } from "./rules.ts";
export { target } from "./schema.ts";
export { createPurgeService } from "./service.ts";
