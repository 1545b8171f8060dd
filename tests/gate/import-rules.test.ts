// The import rules bite: each rule is shown a file that breaks it, in a copy of the rooms made for that purpose.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";

const run = promisify(execFile);
const root = new URL("../../", import.meta.url).pathname;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

const reportSchema = z.object({
  summary: z.object({
    totalCruised: z.number(),
    violations: z.array(z.object({ from: z.string(), rule: z.object({ name: z.string() }) })),
  }),
});

/** A planted file, the line that breaks the rule, and whatever that line imports. */
const violations = [
  { rule: "nobody-enters-the-control-plane", file: "agents/planted.ts", imports: "../control-plane/config.ts" },
  { rule: "nobody-enters-the-control-plane", file: "platform/planted.ts", imports: "../control-plane/config.ts" },
  { rule: "control-plane-enters-by-doors", file: "control-plane/planted.ts", imports: "../edge-templates/desired.ts" },
  { rule: "the-client-stands-alone", file: "client/planted.ts", imports: "../platform/problem.ts" },
  { rule: "agents-stand-alone", file: "agents/planted.ts", imports: "../edge-templates/index.ts" },
  { rule: "templates-are-pure", file: "edge-templates/planted.ts", imports: "node:http" },
  { rule: "platform-knows-no-room", file: "platform/planted.ts", imports: "../agents/contract.ts" },
  {
    rule: "domains-meet-at-their-doors",
    file: "control-plane/domains/origin/planted.ts",
    imports: "../distribution/rules.ts",
  },
  {
    rule: "others-use-the-domains-doors",
    file: "control-plane/roles/planted.ts",
    imports: "../domains/origin/rules.ts",
  },
  { rule: "only-roles-and-commands-compose", file: "control-plane/http/planted.ts", imports: "../roles/keys.ts" },
  { rule: "only-roles-and-commands-compose", file: "control-plane/cache/planted.ts", imports: "../roles/keys.ts" },
  { rule: "layers-know-no-domain", file: "control-plane/jobs/planted.ts", imports: "../domains/origin/index.ts" },
  { rule: "layers-know-no-domain", file: "control-plane/cache/planted.ts", imports: "../domains/origin/index.ts" },
  { rule: "rules-and-schemas-do-no-io", file: "control-plane/domains/planted/rules.ts", imports: "knex" },
  { rule: "models-stay-in-stores", file: "control-plane/domains/planted/service.ts", imports: "objection" },
  { rule: "routes-hold-no-sql", file: "control-plane/domains/planted/routes.ts", imports: "knex" },
  { rule: "no-cycles", file: "platform/planted.ts", imports: "./unplanted.ts" },
  { rule: "tests-are-not-imported", file: "platform/planted.ts", imports: "./address.test.ts" },
] as const;

let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "edgewright-import-rules-"));
  for (const entry of [
    "client",
    "control-plane",
    "edge-templates",
    "agents",
    "platform",
    "tests/gate",
    "tsconfig.json",
    "package.json",
  ]) {
    await cp(join(root, entry), join(copy, entry), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
});

afterAll(() => rm(copy, { recursive: true, force: true }));

async function cruise(folder: string) {
  const { stdout } = await run(
    process.execPath,
    [
      join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs"),
      "--config",
      "tests/gate/import-rules.cjs",
      "--output-type",
      "json",
      "client",
      "control-plane",
      "edge-templates",
      "agents",
      "platform",
    ],
    { cwd: folder, maxBuffer: OUTPUT_BYTES_MAX },
  ).catch((failure: { stdout: string }) => failure);
  return reportSchema.parse(JSON.parse(stdout)).summary;
}

test("the rooms as they are break no rule, and all of their files were read", async () => {
  const summary = await cruise(copy);
  expect(summary.violations).toEqual([]);
  expect(summary.totalCruised).toBeGreaterThan(100);
});

test("every rule is shown a violation", async () => {
  const config = await readFile(join(root, "tests/gate/import-rules.cjs"), "utf8");
  const names = [...config.matchAll(/name: "([a-z-]+)"/g)].map((match) => match[1]);
  expect(new Set(violations.map(({ rule }) => rule))).toEqual(new Set(names));
});

test("each planted violation is reported under its rule", async () => {
  const byFile = new Map<string, string[]>();
  for (const [index, { rule, file, imports }] of violations.entries()) {
    const planted = file.replace("planted.ts", `planted${index}.ts`);
    const path = join(copy, planted);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `import * as planted from "${imports}";\nexport const value = planted;\n`);
    if (rule === "no-cycles") {
      await writeFile(
        join(copy, "platform/unplanted.ts"),
        `import { value } from "./planted${index}.ts";\nexport const back = value;\n`,
      );
    }
    byFile.set(planted, [...(byFile.get(planted) ?? []), rule]);
  }
  const { violations: reported } = await cruise(copy);
  for (const [file, rules] of byFile) {
    const found = reported.filter(({ from }) => from === file).map(({ rule }) => rule.name);
    expect(found, file).toEqual(expect.arrayContaining(rules));
  }
});
