// Origins: where a distribution's content comes from. The only door of this domain.
export { hostHeaderSchema, type OriginInput, originInput, originReply } from "./schema.ts";
export { originsByDistribution, originToReply, type PlannedOrigin, planOrigins, replaceOrigins } from "./service.ts";
export type { OriginRecord } from "./store.ts";
