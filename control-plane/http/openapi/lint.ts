// What is wrong with an OpenAPI document beyond its grammar: rules of this API that a validator cannot know.
import { z } from "zod";
import { jsonPointer } from "../parse-request.ts";
import { isEdgePath } from "../served-path.ts";
import type { OpenApiDocument } from "./document.ts";

const JSON_TYPE = "application/json";
const contentSchema = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) }));
const operationSchema = z.object({
  operationId: z.string(),
  summary: z.string(),
  tags: z.array(z.string()).length(1),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  requestBody: z.object({ content: contentSchema }).optional(),
  responses: z.record(z.string(), z.object({ content: contentSchema.optional() })),
});
type DescribedApi = Pick<OpenApiDocument, "paths" | "components">;
type Operation = z.infer<typeof operationSchema> & { readonly path: string; readonly method: string };

/** One sentence per fault, in the document's order. */
export function faultsOfDocument(document: DescribedApi): string[] {
  const operations = operationsOf(document);
  const ids = operations.map((operation) => operation.operationId);
  const repeated = ids
    .filter((id, index) => ids.indexOf(id) !== index)
    .map((id) => `${id}: two operations have this id`);
  return [...repeated, ...operations.flatMap((operation) => operationFaults(operation, document))];
}

/** A JSON body or a good JSON answer, and where it stands in the document. */
export interface JsonContent {
  readonly operationId: string;
  readonly what: string;
  /** RFC 6901, to its schema. */
  readonly pointer: string;
  readonly examples: readonly unknown[];
}

export function jsonContents(document: DescribedApi): JsonContent[] {
  return operationsOf(document).flatMap(({ path, method, operationId, requestBody, responses }) => {
    const good = Object.entries(responses).filter(([status]) => status.startsWith("2"));
    const contents = [
      { what: "request", at: ["requestBody"], content: requestBody?.content },
      ...good.map(([status, { content }]) => ({ what: `${status} answer`, at: ["responses", status], content })),
    ];
    return contents.flatMap(({ what, at, content }) => {
      const schema = content?.[JSON_TYPE]?.schema;
      // What is written elsewhere and passed on as text has no shape here.
      if (schema === undefined || schema.type === "string") return [];
      const pointer = jsonPointer(["paths", path, method, ...at, "content", JSON_TYPE, "schema"]);
      return [{ operationId, what, pointer, examples: examplesOf(schema, document) }];
    });
  });
}

/** What nobody can picture: JSON without an example. One sentence per body. */
export function missingExamples(document: DescribedApi): string[] {
  return jsonContents(document)
    .filter(({ examples }) => examples.length === 0)
    .map(({ operationId, what }) => `${operationId}: its ${what} has no example`);
}

function examplesOf(schema: unknown, document: DescribedApi): readonly unknown[] {
  const { $ref, examples } = z
    .object({ $ref: z.string().optional(), examples: z.array(z.unknown()).default([]) })
    .parse(schema);
  return $ref === undefined || examples.length > 0 ? examples : examplesOf(componentAt(document, $ref), document);
}

function operationsOf(document: DescribedApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operationSchema.parse(operation) })),
  );
}

function operationFaults(operation: Operation, document: DescribedApi): string[] {
  const faults: string[] = [];
  if (!/^[a-z][A-Za-z0-9]*$/.test(operation.operationId)) faults.push("its id is no camelCase name");
  if (operation.summary === "") faults.push("has no summary");
  if (!Object.keys(operation.responses).some((status) => status.startsWith("2"))) faults.push("has no good answer");
  const json = operation.requestBody?.content[JSON_TYPE]?.schema;
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
