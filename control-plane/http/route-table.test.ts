import { expect, test } from "vitest";
import { z } from "zod";
import { defineRoute, type Method, type Route } from "./define-route.ts";
import { createRouteTable } from "./route-table.ts";

function route(method: Method, path: string): Route {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
  return defineRoute({
    method,
    path,
    operationId: `${method} ${path}`,
    tag: "T",
    summary: "s",
    access: { kind: "public" },
    params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))),
    reply: { status: 204, empty: true },
    handle: async () => ({}),
  });
}

const table = createRouteTable(
  [
    route("GET", "/sites"),
    route("GET", "/sites/{id}"),
    route("PATCH", "/sites/{id}"),
    route("POST", "/sites/import"),
    route("GET", "/sites/{site_id}/rules/{id}"),
    route("GET", "/health"),
  ],
  ({ operationId }) => operationId,
);
const found = (method: string, path: string) => table.find(method, path);

test("a route is found where it is served, with the values in its path", () => {
  expect(found("GET", "/api/v1/sites")).toMatchObject({ entry: "GET /sites" });
  expect(found("GET", "/health")).toMatchObject({ entry: "GET /health" });
  expect(found("HEAD", "/api/v1/sites/a%20b")).toEqual({ entry: "GET /sites/{id}", params: { id: "a b" } });
  expect(found("GET", "/api/v1/sites/1/rules/2")?.params).toEqual({ site_id: "1", id: "2" });
});

test("a name stands before a value, and a value takes what the name has no method for", () => {
  expect(found("POST", "/api/v1/sites/import")?.entry).toBe("POST /sites/import");
  expect(found("PATCH", "/api/v1/sites/import")).toMatchObject({
    entry: "PATCH /sites/{id}",
    params: { id: "import" },
  });
});

test.each([
  "/sites",
  "/api/v1/Sites",
  "/api/v1/sites/",
  "/api/v1//sites",
  "/api/v1/sites//rules/2",
  "/api/v1/sites/1/rules/",
  "/api/v1/sites/%E0%A4%A",
  "/api/v1/sites/1/",
])("there is nothing at %s", (path) => {
  expect(found("GET", path)).toBeUndefined();
  expect(table.methodsAt(path)).toEqual([]);
});

test("a value however long is found, and refused by its schema", () => {
  expect(found("GET", `/api/v1/sites/${"x".repeat(10_000)}`)?.entry).toBe("GET /sites/{id}");
});

test("a path tells its methods; other methods are none of its routes", () => {
  expect(table.methodsAt("/api/v1/sites/import")).toEqual(["GET", "HEAD", "POST", "PATCH"]);
  expect(found("PROPFIND", "/api/v1/sites")).toBeUndefined();
});

test("declarations that contradict each other stop the process from starting", () => {
  const make = (...routes: Route[]) => createRouteTable(routes, () => undefined);
  expect(() => make(route("GET", "/a"), route("GET", "/a"))).toThrow("two routes are declared as GET /api/v1/a");
  const mistaken: Route = { ...route("GET", "/a/{id}"), params: z.object({ name: z.string() }) };
  expect(() => make(mistaken)).toThrow("its path has {id}, its params {name}");
});
