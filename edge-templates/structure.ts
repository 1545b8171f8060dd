// An edge group as nginx files: the few that settings, not distributions, decide.
import { type Compiled, canonicalJson, compiled } from "./canonical-json.ts";
import type { DesiredGroup } from "./desired.ts";

export function compileStructure(group: DesiredGroup): Compiled {
  return compiled(canonicalJson({ format: 1, group: group.id, files: [], taste: [] }));
}
