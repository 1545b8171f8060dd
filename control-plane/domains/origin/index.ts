// Origins: where a distribution's content comes from. The only door of this domain.
export {
  type OriginPlan,
  type OriginPolicy,
  type OriginSettings,
  type PlannedOrigin,
  planAddition,
  planOrigins,
  planRemoval,
  planUpdate,
  settingsOf,
} from "./plan.ts";
export {
  hostHeaderSchema,
  type OriginInput,
  originInput,
  originReply,
  type PatchOriginInput,
  patchOriginInput,
} from "./schema.ts";
export {
  insertOrigins,
  type OriginOwner,
  originsByDistribution,
  originToReply,
  replaceOrigins,
  sealedSettings,
} from "./service.ts";
export { originOfSnapshot, originSnapshot, originSnapshotSchema } from "./snapshot.ts";
export type { OriginRecord } from "./store.ts";
