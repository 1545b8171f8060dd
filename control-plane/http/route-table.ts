// Finds the declared route of a request: a small router of @koa/router for the paths of one length below one noun, so that
// what it costs does not grow with the number of routes.
import Router, { type Layer } from "@koa/router";
import type { Method, Route } from "./define-route.ts";
import { pathParameters, servedPath } from "./served-path.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const satisfies readonly Method[];

export interface FoundRoute<Entry> {
  readonly entry: Entry;
  readonly params: Readonly<Record<string, string | undefined>>;
}

export interface RouteTable<Entry> {
  find(method: string, path: string): FoundRoute<Entry> | undefined;
  /** With which methods the path exists; none: not at all. */
  methodsAt(path: string): string[];
}

/** Faults of the declarations are found here, at the start of the process, instead of by a client. */
export function createRouteTable<Entry>(routes: readonly Route[], entryOf: (route: Route) => Entry): RouteTable<Entry> {
  assertDistinct(routes);
  const routers = new Map<string, Router>();
  const entries = new Map<unknown, Entry>();
  for (const route of [...routes].sort(bySpecificity)) {
    const path = servedPath(route.path);
    const router = routers.get(shapeOf(path)) ?? new Router({ sensitive: true, strict: true });
    routers.set(shapeOf(path), router);
    const layer = router.register(path.replaceAll(/\{(\w+)\}/g, ":$1"), [route.method], () => {});
    entries.set(layer, entryOf(route));
  }

  function layersAt(path: string, method: string): { path: readonly Layer[]; pathAndMethod: readonly Layer[] } {
    const router = isDecodable(path) ? routers.get(shapeOf(path)) : undefined;
    return router?.match(path, method) ?? { path: [], pathAndMethod: [] };
  }

  return {
    find(method, path) {
      const [layer] = layersAt(path, method).pathAndMethod;
      const entry = entries.get(layer);
      if (layer === undefined || entry === undefined) return undefined;
      return { entry, params: layer.params(path, layer.captures(path)) };
    },
    methodsAt(path) {
      const methods = new Set(layersAt(path, "").path.flatMap((layer) => layer.methods));
      return METHODS.filter((method) => methods.has(method)).flatMap((method) =>
        method === "GET" ? ["GET", "HEAD"] : [method],
      );
    },
  };
}

const API_BASE = "/api/v1/";

/** How many steps a path has, and the noun that it begins with. */
function shapeOf(path: string): string {
  const from = path.startsWith(API_BASE) ? API_BASE.length : 1;
  const end = path.indexOf("/", from);
  let steps = 0;
  for (let at = end; at >= 0; at = path.indexOf("/", at + 1)) steps += 1;
  return `${steps} ${end < 0 ? path : path.slice(0, end)}`;
}

/** A name in a path stands before a value. */
function bySpecificity(a: Route, b: Route): number {
  return pathParameters(a.path).length - pathParameters(b.path).length;
}

function isDecodable(path: string): boolean {
  if (!path.includes("%")) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function assertDistinct(routes: readonly Route[]): void {
  const seen = new Set<string>();
  for (const route of routes) {
    for (const name of [`${route.method} ${servedPath(route.path)}`, `operation ${route.operationId}`]) {
      if (seen.has(name)) throw new Error(`two routes are declared as ${name}`);
      seen.add(name);
    }
    const inPath = pathParameters(route.path).sort().join();
    const declared = Object.keys(route.params.shape).sort().join();
    if (inPath !== declared)
      throw new Error(`${route.operationId}: its path has {${inPath}}, its params {${declared}}`);
  }
}
