// Other companies that deliver for us: how they are asked, whose traffic their resources carry, and what they say of it. The only
// door of this domain.
export { providerHandlers, providerSchedules } from "./handlers.ts";
export { createProviderLinkService } from "./link-service.ts";
export { areProvidersBehind } from "./link-store.ts";
export { providerRoutes } from "./routes.ts";
export { BACK_DAYS_MAX as SYNC_DAYS_MAX } from "./rules.ts";
export { createProviderService } from "./service.ts";
export { type ProviderName, providerNames } from "./statistics.ts";
export { type ProviderSync, type SyncProgress, type SyncRequest, syncProvider } from "./sync.ts";
