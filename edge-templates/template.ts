// Templates: compiled once, checked before they are trusted. A template may hold text, writers with one value each, and
// the blocks `if`, `unless` and `each`; anything else is refused when the module is loaded.
import { readFileSync } from "node:fs";
import Handlebars from "handlebars";
import { WriterError, writers } from "./writers.ts";

const engine = Handlebars.create();
for (const name of Object.keys(engine.helpers)) engine.unregisterHelper(name);
for (const [name, write] of Object.entries(writers)) engine.registerHelper(name, (value: unknown) => write(value));

// Handlebars' own blocks take whatever comes, and print nothing when a name is misspelt.
engine.registerHelper("if", function (this: unknown, value: unknown, options: Handlebars.HelperOptions) {
  return truth("if", value) ? options.fn(this) : options.inverse(this);
});
engine.registerHelper("unless", function (this: unknown, value: unknown, options: Handlebars.HelperOptions) {
  return truth("unless", value) ? options.inverse(this) : options.fn(this);
});
engine.registerHelper("each", (value: unknown, options: Handlebars.HelperOptions) => {
  if (!Array.isArray(value)) throw new WriterError("each: not a list");
  return value.map((item: unknown) => options.fn(item)).join("");
});

const BLOCKS = new Set(["if", "unless", "each"]);

function truth(block: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw new WriterError(`${block}: neither true nor false`);
  return value;
}

export type Template<View> = (view: View) => string;

export function compileTemplate<View>(name: string, source: string): Template<View> {
  assertPrintsThroughWriters(name, source);
  const known = Object.fromEntries(Object.keys(engine.helpers).map((helper) => [helper, true]));
  const render = engine.compile(source, { noEscape: true, strict: true, knownHelpersOnly: true, knownHelpers: known });
  return (view) => {
    try {
      return render(view);
    } catch (error) {
      throw new Error(`template ${name}`, { cause: error });
    }
  };
}

/** Reads a template that lies beside the module that calls: `readTemplate(import.meta.url, "listeners.hbs")`. */
export function readTemplate<View>(moduleUrl: string, file: string): Template<View> {
  return compileTemplate(file, readFileSync(new URL(file, moduleUrl), "utf8"));
}

function assertPrintsThroughWriters(name: string, source: string): void {
  assertProgram(name, Handlebars.parse(source));
}

function assertProgram(name: string, program: hbs.AST.Program): void {
  for (const statement of program.body) assertStatement(name, statement);
}

function assertStatement(name: string, statement: hbs.AST.Statement): void {
  if (isContent(statement) || isComment(statement)) return;
  const refuse = (reason: string) => new Error(`template ${name}, line ${statement.loc.start.line}: ${reason}`);
  if (isMustache(statement)) {
    if (!Object.hasOwn(writers, pathText(statement.path)))
      throw refuse(`{{${pathText(statement.path)}}} prints without a writer`);
    assertOneValue(statement, refuse);
    return;
  }
  if (!isBlock(statement)) throw refuse(`${statement.type} is not allowed`);
  if (!BLOCKS.has(pathText(statement.path))) throw refuse(`no block is called ${pathText(statement.path)}`);
  assertOneValue(statement, refuse);
  assertProgram(name, statement.program);
  if (statement.inverse) assertProgram(name, statement.inverse);
}

interface Call {
  readonly params: readonly hbs.AST.Expression[];
  readonly hash?: hbs.AST.Hash;
}

function assertOneValue(call: Call, refuse: (reason: string) => Error): void {
  const [value] = call.params;
  if (call.params.length !== 1 || value?.type !== "PathExpression")
    throw refuse("takes exactly one value, by its name");
  if (call.hash && call.hash.pairs.length > 0) throw refuse("takes no options");
}

function pathText(path: hbs.AST.PathExpression | hbs.AST.Literal): string {
  return "original" in path ? String(path.original) : path.type;
}

const isContent = (node: hbs.AST.Statement): node is hbs.AST.ContentStatement => node.type === "ContentStatement";
const isComment = (node: hbs.AST.Statement): node is hbs.AST.CommentStatement => node.type === "CommentStatement";
const isMustache = (node: hbs.AST.Statement): node is hbs.AST.MustacheStatement => node.type === "MustacheStatement";
const isBlock = (node: hbs.AST.Statement): node is hbs.AST.BlockStatement => node.type === "BlockStatement";
