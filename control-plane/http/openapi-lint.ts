// What is wrong with an OpenAPI document beyond its grammar: rules of this API that a validator cannot know.
import { z } from "zod";
import type { OpenApiDocument } from "./openapi.ts";
import { jsonPointer } from "./parse-request.ts";
import { isEdgePath } from "./served-path.ts";

const operationSchema = z.object({
  operationId: z.string(),
  summary: z.string(),
  tags: z.array(z.string()).length(1),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  requestBody: z
    .object({ content: z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) })) })
    .optional(),
  responses: z.record(z.string(), z.unknown()),
});
type DescribedApi = Pick<OpenApiDocument, "paths" | "components">;
type Operation = z.infer<typeof operationSchema> & { readonly path: string };

/** One sentence per fault, in the document's order. */
export function faultsOfDocument(document: DescribedApi): string[] {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, ...operationSchema.parse(operation) })),
  );
  const ids = operations.map((operation) => operation.operationId);
  const repeated = ids
    .filter((id, index) => ids.indexOf(id) !== index)
    .map((id) => `${id}: two operations have this id`);
  return [...repeated, ...operations.flatMap((operation) => operationFaults(operation, document))];
}

function operationFaults(operation: Operation, document: DescribedApi): string[] {
  const faults: string[] = [];
  if (!/^[a-z][A-Za-z0-9]*$/.test(operation.operationId)) faults.push("its id is no camelCase name");
  if (operation.summary === "") faults.push("has no summary");
  if (!Object.keys(operation.responses).some((status) => status.startsWith("2"))) faults.push("has no good answer");
  const json = operation.requestBody?.content["application/json"]?.schema;
  if (json !== undefined && !isEdgePath(operation.path)) faults.push(...openObjects(json, document, []));
  return faults.map((fault) => `${operation.operationId}: ${fault}`);
}

const nodeSchema = z.object({
  $ref: z.string().optional(),
  type: z.unknown().optional(),
  properties: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  additionalProperties: z.unknown().optional(),
  items: z.record(z.string(), z.unknown()).optional(),
  anyOf: z.array(z.record(z.string(), z.unknown())).default([]),
  oneOf: z.array(z.record(z.string(), z.unknown())).default([]),
  allOf: z.array(z.record(z.string(), z.unknown())).default([]),
});
const DEPTH_MAX = 12;

/** Objects of a request that take fields which they do not name. A record says what its values are, so it is closed. */
function openObjects(schema: unknown, document: DescribedApi, path: readonly string[]): string[] {
  if (path.length > DEPTH_MAX) return [];
  const node = nodeSchema.parse(schema);
  if (node.$ref !== undefined) return openObjects(componentAt(document, node.$ref), document, path);
  const isOpen = node.type === "object" && node.additionalProperties === undefined;
  return [
    ...(isOpen
      ? [`the request body lets unknown fields pass at ${jsonPointer(path) || "its root"} (z.strictObject does not)`]
      : []),
    ...Object.entries(node.properties).flatMap(([name, inner]) => openObjects(inner, document, [...path, name])),
    ...(node.items === undefined ? [] : openObjects(node.items, document, [...path, "0"])),
    ...[...node.anyOf, ...node.oneOf, ...node.allOf].flatMap((inner) => openObjects(inner, document, path)),
  ];
}

const schemasShape = z.object({ schemas: z.record(z.string(), z.unknown()) });

function componentAt(document: DescribedApi, ref: string): unknown {
  return schemasShape.parse(document.components).schemas[ref.replace("#/components/schemas/", "")] ?? {};
}
