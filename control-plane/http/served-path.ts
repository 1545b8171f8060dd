// Where a declared path is served.

export const API_BASE = "/api/v1";

// These stand outside the API's base: their callers (agents, probes, Prometheus, browsers) know them by these names.
const ROOT_PATHS = [
  "/edge/v1",
  "/health",
  "/ready",
  "/metrics",
  "/docs",
  "/verify-email",
  "/reset-password",
  "/invitation",
  "/openid",
];

export function servedPath(path: string): string {
  const standsAlone = ROOT_PATHS.some((root) => path === root || path.startsWith(`${root}/`));
  return standsAlone ? path : `${API_BASE}${path}`;
}

/** Of the edge protocol: a newer agent may say more than this control plane knows, so its requests are read leniently. */
export function isEdgePath(path: string): boolean {
  return path.startsWith("/edge/v1/");
}

/** The names in braces, in their order. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}
