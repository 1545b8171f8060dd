// zod schemas as JSON Schema 2020-12. A schema with `.meta({ id })` becomes a component that others refer to; one whose
// request and reply forms differ (defaults, coercion) becomes two: `Origin` and `OriginInput`.
import { z } from "zod";

export type JsonSchema = z.core.JSONSchema.BaseSchema;
export type Direction = "input" | "output";

export interface SchemaComponents {
  schema(schema: z.ZodType, direction: Direction): JsonSchema;
  /** Gives every reference inside `content` its final name; call it once all schemas were asked for. */
  finish(content: unknown): unknown;
  schemas(): Record<string, unknown>;
}

const DEFS = "#/$defs/";
const COMPONENTS = "#/components/schemas/";
// Which names collide is known only at the end; until then a reference says its direction behind this mark.
const MARK = "~";

export function createComponents(): SchemaComponents {
  const forms = new Map<string, JsonSchema>();

  const idsOf = (id: string): string[] => refsIn(forms.get(`${id}${MARK}input`)).map((name) => baseId(name));
  const differs = (id: string, seen: ReadonlySet<string>): boolean => {
    const input = forms.get(`${id}${MARK}input`);
    const output = forms.get(`${id}${MARK}output`);
    if (input === undefined || output === undefined || seen.has(id)) return false;
    if (plain(input) !== plain(output)) return true;
    return idsOf(id).some((inner) => differs(inner, new Set([...seen, id])));
  };
  const finalName = (name: string): string => {
    const id = baseId(name);
    return name.endsWith("input") && differs(id, new Set()) ? `${id}Input` : id;
  };
  const finish = (content: unknown): unknown =>
    withRefs(content, (ref) =>
      ref.startsWith(COMPONENTS) ? `${COMPONENTS}${finalName(ref.slice(COMPONENTS.length))}` : ref,
    );

  return {
    schema: (schema, direction) => {
      const { $schema: _dialect, $defs = {}, ...root } = toJsonSchema(schema, direction);
      const marked = (content: unknown) =>
        withRefs(content, (ref) => `${ref.replace(DEFS, COMPONENTS)}${MARK}${direction}`);
      for (const [id, definition] of Object.entries($defs)) {
        forms.set(`${id}${MARK}${direction}`, schemaOf(marked(definition)));
      }
      return schemaOf(marked(root));
    },
    finish,
    schemas: () => {
      const named = [...forms].map(([name, definition]) => [finalName(name), finish(definition)] as const);
      return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)));
    },
  };
}

function toJsonSchema(schema: z.ZodType, direction: Direction): JsonSchema {
  return z.toJSONSchema(schema, {
    target: "draft-2020-12",
    io: direction,
    override: ({ zodSchema, jsonSchema }) => {
      if (direction === "input") Object.assign(jsonSchema, saidOfInput(zodSchema));
      // The format says it; the pattern behind it is a screenful.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      // Replies may gain fields: clients must not be told otherwise.
      if (direction === "output" && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
}

/** zod drops both where a schema transforms, for they may be of the output's type. Here they are what a request says. */
function saidOfInput(schema: z.core.$ZodTypes): Record<string, unknown> {
  const { examples } = z.globalRegistry.get(schema) ?? {};
  const { def } = schema._zod;
  return {
    ...(examples === undefined ? {} : { examples }),
    ...(def.type === "default" ? { default: def.defaultValue } : {}),
  };
}

const schemaShape = z.record(z.string(), z.unknown());

function schemaOf(content: unknown): JsonSchema {
  return schemaShape.parse(content);
}

/** A copy in which every `$ref` went through `rename`. */
function withRefs(content: unknown, rename: (ref: string) => string): unknown {
  if (Array.isArray(content)) return content.map((item) => withRefs(item, rename));
  if (typeof content !== "object" || content === null) return content;
  return Object.fromEntries(
    Object.entries(content).map(([key, value]) => [
      key,
      key === "$ref" && typeof value === "string" ? rename(value) : withRefs(value, rename),
    ]),
  );
}

function refsIn(schema: JsonSchema | undefined): string[] {
  const found: string[] = [];
  withRefs(schema, (ref) => {
    found.push(ref.slice(COMPONENTS.length));
    return ref;
  });
  return found;
}

function plain(schema: JsonSchema): string {
  return JSON.stringify(withRefs(schema, baseId));
}

function baseId(name: string): string {
  return name.replace(/~(input|output)$/, "");
}
