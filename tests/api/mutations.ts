// Bad requests, made from an accepted one and the schema that accepted it: each differs in one thing, and the schema
// itself says that this thing is wrong. What comes with each is the pointer that the refusal must name.
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { z } from "zod";
import type { OpenApi } from "./world.ts";

export interface Mutation {
  /** What was done to the accepted request. */
  readonly what: string;
  /** RFC 6901 into the body, `?name` or `:name`. */
  readonly pointer: string;
  readonly value: unknown;
}

export type Schema = z.output<typeof schemaSchema>;
const schemaSchema = z.looseObject({
  $ref: z.string().optional(),
  type: z.string().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  minItems: z.number().optional(),
  maxItems: z.number().optional(),
});
const objectSchema = z.record(z.string(), z.unknown());

/** Texts that mean something to somebody on the way: databases, nginx, Lua, shells, browsers, terminals, JavaScript. */
const HOSTILE = [
  "\u0000",
  "a\u0000b",
  "\ud800",
  "a\r\nX-Injected: yes",
  "a\nb",
  "\u202egnp.exe",
  "\u2028",
  "' OR '1'='1",
  "'; drop table distribution; --",
  "$1",
  "$host",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what attackers send
  "${jndi:ldap://x}",
  "{{constructor.constructor('return 1')()}}",
  '"; return 200; #',
  "}\nserver { listen 80; }",
  "../../etc/passwd",
  "..\\..\\x",
  "%00",
  "%2f%2e%2e",
  "<script>alert(1)</script>",
  "`id`",
  "$(id)",
  "; ls",
  "|cat",
  "\u001b[31m",
  "__proto__",
  "constructor",
  "NaN",
  "-1",
  "0x10",
  "1e309",
  "ﬀ",
  "\u0130",
  "👩‍👩‍👧",
  " ",
  "\t",
  "",
  "x".repeat(300),
  "x".repeat(10_000),
  "é".repeat(5_000),
];
const WRONG_TYPES: readonly unknown[] = [null, true, 0, -1, 1.5, 1e300, "", "text", [], [null], [[]], {}, { a: 1 }];
const UNKNOWN_FIELDS = [
  "zz_unknown",
  "constructor",
  "toString",
  "hasOwnProperty",
  "__defineGetter__",
  "$where",
  "a/b~c",
];
const NESTING = 1_000;

export interface Mutator {
  /** Of a JSON body. */
  mutationsOf(schema: unknown, accepted: unknown): readonly Mutation[];
  /** Of one text in a path or query. */
  textsRefusedBy(schema: unknown): readonly string[];
}

export function createMutator(document: OpenApi): Mutator {
  const ajv = new Ajv2020({ strict: false, allErrors: false, unicodeRegExp: true });
  addFormats.default(ajv);
  ajv.addSchema(document, "document");
  const refuses = (schema: unknown): ((value: unknown) => boolean) => {
    const validate = ajv.compile(absolute(schema));
    return (value) => !validate(value);
  };

  function resolve(schema: unknown): Schema {
    const parsed = schemaSchema.parse(schema);
    const name = parsed.$ref?.replace("#/components/schemas/", "");
    return name === undefined ? parsed : resolve(document.components.schemas[name]);
  }

  function mutationsOf(schema: unknown, accepted: unknown): readonly Mutation[] {
    if (refuses(schema)(accepted))
      throw new Error(`the recipe is not what the document accepts: ${JSON.stringify(accepted)}`);
    return [...replacements(schema, ""), ...inside(schema, accepted, "")];
  }

  /** Another value in the place of this one. */
  function replacements(schema: unknown, pointer: string): readonly Mutation[] {
    const isRefused = refuses(schema);
    return [...WRONG_TYPES, ...HOSTILE, ...neighbours(schema)]
      .filter(isRefused)
      .map((value) => ({ what: `${pointer} = ${shown(value)}`, pointer, value }));
  }

  /** Just beyond the limits. */
  function neighbours(schema: unknown): readonly unknown[] {
    const branches = branchesOf(schema).map((branch) => limitsSchema.parse(branch));
    return branches.flatMap(({ maxLength, maximum, minimum, maxItems }) => [
      ...(maxLength === undefined || maxLength > 100_000 ? [] : ["a".repeat(maxLength + 1)]),
      ...(maximum === undefined ? [] : [maximum + 1, maximum + 0.5]),
      ...(minimum === undefined ? [] : [minimum - 1]),
      ...(maxItems === undefined ? [] : [Array.from({ length: maxItems + 1 }, () => "a")]),
    ]);
  }

  function branchesOf(schema: unknown): readonly Schema[] {
    const resolved = resolve(schema);
    const branches = resolved.anyOf ?? resolved.oneOf;
    return branches === undefined ? [resolved] : branches.flatMap(branchesOf);
  }

  /** The same one level down, in the branch that the accepted value is of. */
  function inside(schema: unknown, accepted: unknown, pointer: string): readonly Mutation[] {
    const branch = branchesOf(schema).find((candidate) => !refuses(candidate)(accepted));
    if (branch === undefined) return [];
    if (Array.isArray(accepted)) return insideList(branch, accepted, pointer);
    const fields = objectSchema.safeParse(accepted);
    return fields.success && branch.properties !== undefined
      ? [...insideObject(branch.properties, fields.data, pointer), ...unknownFields(branch, fields.data, pointer)]
      : [];
  }

  function insideList({ items }: Schema, accepted: readonly unknown[], pointer: string): readonly Mutation[] {
    const [first, ...rest] = accepted;
    if (items === undefined || first === undefined) return [];
    const at = `${pointer}/0`;
    return [...replacements(items, at), ...inside(items, first, at)].map((mutation) => ({
      ...mutation,
      value: [mutation.value, ...rest],
    }));
  }

  function insideObject(
    properties: Readonly<Record<string, unknown>>,
    accepted: Readonly<Record<string, unknown>>,
    pointer: string,
  ): readonly Mutation[] {
    return Object.entries(properties).flatMap(([name, schema]) => {
      const at = `${pointer}/${escaped(name)}`;
      const deeper = name in accepted ? inside(schema, accepted[name], at) : [];
      return [...replacements(schema, at), ...deeper].map((mutation) => ({
        ...mutation,
        value: { ...accepted, [name]: mutation.value },
      }));
    });
  }

  function unknownFields(
    { additionalProperties }: Schema,
    accepted: Readonly<Record<string, unknown>>,
    pointer: string,
  ): readonly Mutation[] {
    if (additionalProperties !== false) return [];
    return UNKNOWN_FIELDS.flatMap((name) =>
      [1, nested(NESTING)].map((value, index) => ({
        what: `${pointer} has ${name}${index === 1 ? ", deeply nested" : ""}`,
        pointer: `${pointer}/${escaped(name)}`,
        value: { ...accepted, [name]: value },
      })),
    );
  }

  /** A text in a URL stands for a number, too, if it looks like one. */
  function textsRefusedBy(schema: unknown): readonly string[] {
    const isRefused = refuses(schema);
    const numeric = branchesOf(schema).some(({ type }) => type === "integer" || type === "number");
    const texts = [...HOSTILE, ...neighbours(schema).map(String)].filter((text) => text.length <= 2_000);
    return [...new Set(texts)].filter((text) => isRefused(numeric && text.trim() !== "" ? Number(text) : text));
  }

  return { mutationsOf, textsRefusedBy };
}

const limitsSchema = z.looseObject({
  maxLength: z.number().optional(),
  maximum: z.number().optional(),
  minimum: z.number().optional(),
  maxItems: z.number().optional(),
});

/** References of the document, seen from outside of it. */
function absolute(schema: unknown): object {
  const text = JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"document#/');
  return objectSchema.parse(JSON.parse(text));
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60);
}
