import { readFile } from "node:fs/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { expect, test } from "vitest";
import { z } from "zod";
import { jsonContents, missingExamples } from "./lint.ts";

const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.record(z.string(), z.unknown()),
});
const published = documentSchema.parse(
  JSON.parse(await readFile(new URL("../../../docs/openapi.json", import.meta.url), "utf8")),
);

// Draft 2020-12, as OpenAPI 3.1 has it; its own keywords beside the schemas are none of ajv's business.
const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema({ ...published, $id: "https://edgewright.test/openapi.json" });

const withExamples = jsonContents(published).filter(({ examples }) => examples.length > 0);

test("every JSON body and every JSON answer has an example", () => {
  expect(withExamples.length).toBeGreaterThan(100);
  expect(missingExamples(published)).toEqual([]);
});

test.each(withExamples)("the example of the $what of $operationId is what its schema says", ({ pointer, examples }) => {
  const validate = ajv.compile({ $ref: `https://edgewright.test/openapi.json#${encodeURI(pointer)}` });
  for (const example of examples) {
    validate(example);
    expect(validate.errors ?? []).toEqual([]);
  }
});

test("every default is what its schema allows", () => {
  const withDefaults = schemasWithDefaults(published.components.schemas, "/components/schemas");
  expect(withDefaults.length).toBeGreaterThan(20);
  for (const { pointer, value } of withDefaults) {
    expect(ajv.validate({ $ref: `https://edgewright.test/openapi.json#${encodeURI(pointer)}` }, value), pointer).toBe(
      true,
    );
  }
});

function schemasWithDefaults(node: unknown, pointer: string): { pointer: string; value: unknown }[] {
  if (typeof node !== "object" || node === null) return [];
  const own = "default" in node && "type" in node ? [{ pointer, value: node.default }] : [];
  const inner = Object.entries(node).flatMap(([name, value]) =>
    schemasWithDefaults(value, `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`),
  );
  return [...own, ...inner];
}
