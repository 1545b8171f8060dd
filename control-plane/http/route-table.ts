// Finds the declared route of a request in a radix tree: what that costs does not grow with the number of routes.
import createTree from "find-my-way";
import type { Method, Route } from "./define-route.ts";
import { pathParameters, servedPath } from "./served-path.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const satisfies readonly Method[];
// Longer than any URL that the server reads: a parameter that is too long is a fault of its schema, not an unknown path.
const PARAM_LENGTH_MAX = 64 * 1024;

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
  const tree = createTree({ maxParamLength: PARAM_LENGTH_MAX });
  for (const route of routes) {
    tree.on(route.method, servedPath(route.path).replaceAll(/\{(\w+)\}/g, ":$1"), () => {}, entryOf(route));
  }
  const find = (method: Method, path: string): FoundRoute<Entry> | undefined => {
    const match = tree.find(method, path);
    const hasEmpty = match !== null && Object.values(match.params).includes("");
    return match === null || hasEmpty ? undefined : { entry: match.store, params: match.params };
  };
  return {
    find(method, path) {
      const asked = METHODS.find((known) => known === (method === "HEAD" ? "GET" : method));
      return asked === undefined ? undefined : find(asked, path);
    },
    methodsAt: (path) =>
      METHODS.filter((method) => find(method, path) !== undefined).flatMap((method) =>
        method === "GET" ? ["GET", "HEAD"] : [method],
      ),
  };
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
