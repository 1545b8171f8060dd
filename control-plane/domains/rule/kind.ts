// What a kind of rule is made of. `defineRuleKind` folds the type of its body away, so that one service and one set of
// routes do for all kinds.
import { z } from "zod";
import type { FieldFault } from "../../../platform/problem.ts";
import { givenId } from "../../http/given-id.ts";

export const ruleKindNames = ["cache_rule", "header_rule", "redirect", "access_rule", "rate_limit"] as const;
export type RuleKindName = (typeof ruleKindNames)[number];

/** Read before it is known what kind it is; the kind's own schemas say the rest. */
export interface RuleInput {
  readonly position?: number | undefined;
  readonly id?: string | undefined;
  /** Write-only: kept sealed, and named by their ids from then on. */
  readonly secrets?: readonly string[] | undefined;
}

/** What a rule is checked against beside itself. */
export interface RuleSurroundings {
  /** Names that the distribution is reached by. */
  readonly hosts: readonly string[];
}

type RuleSchema = z.ZodType<RuleInput>;

export interface RuleKind {
  readonly name: RuleKindName;
  /** `cache-rules`, as in `/distributions/{id}/cache-rules`. */
  readonly path: string;
  /** `CacheRule`, as in `createCacheRule`. */
  readonly operation: string;
  readonly noun: string;
  /** Ends the sentence "Add a …:". */
  readonly about: string;
  /** Per distribution. */
  readonly countMax: number;
  readonly create: RuleSchema;
  /** One of a list that replaces all: like `create`, with the id that it keeps and without a position. */
  readonly item: RuleSchema;
  readonly patch: RuleSchema;
  readonly reply: z.ZodType;
  /** A body that a request may have, for the documentation. */
  readonly example: object;
  /** The body as it is stored: of a parsed request, or of what the rule is after a patch. */
  bodyOf(content: unknown): object;
  /** What fields say against each other, with pointers into the request. */
  faultsOf(body: object, surroundings: RuleSurroundings): readonly FieldFault[];
  /** What a patch names and this rule cannot have. */
  patchFaultsOf(body: object, patch: object): readonly FieldFault[];
}

interface RuleKindDeclaration<Body extends z.ZodType<object>>
  extends Omit<RuleKind, "create" | "item" | "patch" | "reply" | "example" | "bodyOf" | "faultsOf" | "patchFaultsOf"> {
  readonly schemas: Pick<RuleKind, "create" | "item" | "patch" | "reply">;
  readonly body: Body;
  readonly example: z.input<Body> & object;
  faultsOf(body: z.output<Body>, surroundings: RuleSurroundings): readonly FieldFault[];
  patchFaultsOf?(body: z.output<Body>, patch: object): readonly FieldFault[];
}

export function defineRuleKind<Body extends z.ZodType<object>>({
  schemas,
  body,
  ...declaration
}: RuleKindDeclaration<Body>): RuleKind {
  const { operation: id, example } = declaration;
  const replied = { ...exampleFields, ...example };
  return {
    ...declaration,
    create: schemas.create.meta({ id: `${id}Input`, examples: [example] }),
    item: schemas.item.meta({ id: `${id}Item`, examples: [example, { id: exampleFields.id, ...example }] }),
    patch: schemas.patch.meta({ id: `${id}Patch`, examples: [{ position: 1, description: "Comes first" }] }),
    reply: schemas.reply.meta({ id, examples: [replied] }),
    bodyOf: (content) => body.parse(content),
    faultsOf: (stored, surroundings) => declaration.faultsOf(body.parse(stored), surroundings),
    patchFaultsOf: (stored, patch) => declaration.patchFaultsOf?.(body.parse(stored), patch) ?? [],
  };
}

const POSITION_MAX = 1000;
// Halves of a character are no text at all.
const ONE_LINE = /^[^\p{Cc}\p{Cs}]*$/u;

export const description = z
  .string()
  .max(255)
  .regex(ONE_LINE, { error: "must be one line of text, without control characters." })
  .meta({ description: "A note of your own." });
export const position = z
  .int()
  .min(1)
  .max(POSITION_MAX)
  .optional()
  .meta({ description: "Where it stands among the rules of its kind, from 1. Default: the end." });
export const keptId = givenId
  .optional()
  .meta({ description: "Of a rule that stays, perhaps changed. Without one it is a new rule." });

/** The four forms of a kind all of whose rules have the same fields. */
export function plainSchemas<Body extends z.ZodRawShape>(
  { fields, input }: { fields: z.ZodRawShape; input: z.ZodRawShape },
  body: z.ZodObject<Body>,
) {
  return {
    create: z.strictObject({ ...input, position }),
    item: z.strictObject({ ...input, id: keptId }),
    patch: z.strictObject({ ...fields, position }).partial(),
    reply: z.object({ ...repliedFields, ...body.shape }),
  };
}

/** Paths as they are stored: canonical already. */
export const storedPaths = z.array(z.string()).meta({
  description: "Paths that the rule is for: `*` stands for any run of characters, `/` included. None: every path.",
});

/** What every rule says of itself in an answer. */
export const repliedFields = {
  id: z.uuid(),
  distribution_id: z.uuid(),
  position: z.int().meta({ description: "From 1, among the rules of its kind." }),
  created_by: z.uuid().nullable().meta({ description: "Whose doing it was; null: the platform's." }),
  updated_by: z.uuid().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
};

const exampleFields = {
  id: "0b7c9a52-6f0e-4a51-9d0a-2f3c8e1b7d44",
  distribution_id: "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
  position: 1,
  created_by: null,
  updated_by: null,
  created_at: "2026-01-15T09:30:00.000Z",
  updated_at: "2026-01-15T09:30:00.000Z",
};
