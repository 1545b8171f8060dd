// Origins: where a distribution's content comes from. The only door of this domain.
export {
  type OriginSettings,
  type PlannedOrigin,
  planAddition,
  planOrigins,
  planRemoval,
  planUpdate,
  settingsOf,
} from "./plan.ts";
export {
  exampleOrigin,
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
export { markOriginsLetGo, type OriginRecord } from "./store.ts";
