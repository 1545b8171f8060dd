// The only door of the edge compiler: desired state in, documents and nginx files out. Pure: no clock, no network, no
// randomness; its own templates are read once, when this module is loaded.

export {
  type DesiredDistribution,
  type DesiredGroup,
  type DesiredOrigin,
  type EdgeGroupSettings,
  edgeGroupSettingsSchema,
} from "./desired.ts";
export { compileDocument } from "./document.ts";
export { CompileRefusal } from "./refusal.ts";
export { compileStructure } from "./structure.ts";

/** Grows whenever the same desired state compiles to other bytes, so that everything is compiled anew. */
export const COMPILER_VERSION = 1;
