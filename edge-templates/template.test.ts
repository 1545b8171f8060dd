// A template that could print something unchecked is refused when it is loaded; one that meets a wrong value throws.
import { expect, test } from "vitest";
import { compileTemplate } from "./template.ts";

const load = (source: string) => () => compileTemplate<unknown>("planted.hbs", source);

test.each([
  ["a bare value", "listen {{port}};"],
  ["a value behind this", "{{this}}"],
  ["a triple stash", "{{{port}}}"],
  ["a raw ampersand", "{{&port}}"],
  ["an unknown writer", "{{html name}}"],
  ["a writer without a value", "{{int}}"],
  ["a writer with two values", "{{int a b}}"],
  ["a writer with an option", "{{int a radix=2}}"],
  ["a writer with a literal", '{{quote "text"}}'],
  ["a nested call", "{{quote (lookup a b)}}"],
  ["a partial", "{{> other}}"],
  ["a partial block", "{{#> other}}x{{/other}}"],
  ["a decorator", "{{* decorate}}"],
  ["an unknown block", "{{#with a}}x{{/with}}"],
  ["a block of a value's own", "{{#servers}}x{{/servers}}"],
  ["a bare value deep inside", "{{#if a}}{{#each b}}{{else}}{{/each}}{{else}}{{c}}{{/if}}"],
])("a template with %s is refused", (_, source) => {
  expect(load(source)).toThrow(/planted\.hbs|Parse error/);
});

test("a refusal names the line", () => {
  expect(load("a;\nb;\n{{port}}\n")).toThrow("template planted.hbs, line 3: {{port}} prints without a writer");
});

test.each([
  ["a misspelt name", "{{quote nmae}}", { name: "a" }],
  ["a misspelt condition", "{{#if nmae}}x{{/if}}", { name: true }],
  ["a condition that is no flag", "{{#if name}}x{{/if}}", { name: "yes" }],
  ["a misspelt list", "{{#each nmaes}}x{{/each}}", { names: [] }],
  ["a list that is none", "{{#each names}}x{{/each}}", { names: "ab" }],
  ["a name of Object's own", "{{quote constructor}}", {}],
])("%s throws when it is rendered", (_, source, view) => {
  expect(() => load(source)()(view)).toThrow("template planted.hbs");
});

test("writers, conditions and lists print", () => {
  const source =
    "{{#each servers}}{{host name}}:{{int port}}{{#unless last}}, {{/unless}}{{/each}}{{#if on}}!{{else}}?{{/if}}";
  const view = {
    on: false,
    servers: [
      { name: "a.b", port: 1, last: false },
      { name: "c", port: 2, last: true },
    ],
  };
  expect(load(source)()(view)).toBe("a.b:1, c:2?");
});
