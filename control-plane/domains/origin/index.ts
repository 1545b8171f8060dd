// Origins: where a distribution's content comes from. The only door of this domain.
export { hostHeaderSchema, originInput, originReply } from "./schema.ts";
export { originsByDistribution, originToReply, planOrigins, replaceOrigins } from "./service.ts";
export type { OriginRecord } from "./store.ts";
