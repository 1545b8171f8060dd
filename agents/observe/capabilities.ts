// What this node's nginx can do, as the control plane's compiler asks it.
import type { NginxInstallation } from "../../platform/embedded/nginx.ts";
import type { Capabilities } from "../contract.ts";

export function capabilitiesOf({ capabilities }: NginxInstallation): Capabilities {
  return { ...capabilities, http2_directive: isAtLeast(capabilities.nginx, [1, 25, 1]) };
}

function isAtLeast(version: string, wanted: readonly number[]): boolean {
  const parts = version.split(".").map(Number);
  for (const [place, least] of wanted.entries()) {
    const part = parts[place] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
