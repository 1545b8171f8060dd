// The only door of the edge compiler: desired state in, documents and nginx files out. Pure: no clock, no network, no
// randomness; its own templates are read once, when this module is loaded.

export { compileCertificate, type DesiredCertificate } from "./certificate.ts";
export type {
  AccelerationType,
  DesiredAccessRule,
  DesiredBucket,
  DesiredCacheRule,
  DesiredCors,
  DesiredDistribution,
  DesiredGroup,
  DesiredHeaderRule,
  DesiredHealthCheck,
  DesiredOrigin,
  DesiredRateLimit,
  DesiredRedirect,
} from "./desired.ts";
export { compileDocument } from "./document.ts";
export { CompileRefusal } from "./refusal.ts";
export {
  type EdgeGroupSettings,
  type EdgeGroupSettingsPatch,
  edgeGroupSettingsPatch,
  edgeGroupSettingsSchema,
  type Region,
  regions,
} from "./settings.ts";
export { compileStructure } from "./structure.ts";
export { contentTypeStart, fileExtension, pathPattern } from "./texts.ts";

/** Grows whenever the same desired state compiles to other bytes, so that everything is compiled anew. */
export const COMPILER_VERSION = 13;
