// The spelling here and the edge's own (openresty/lua/url.lua, in a real nginx) are one and the same, for whatever bytes.
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startTestEdge, type TestEdge } from "../../../openresty/test-edge.ts";
import { canonicalTarget } from "./rules.ts";

const RUNNER = fileURLToPath(new URL("../../../openresty/spec/run.lua", import.meta.url));
const TARGETS = 3_000;
const outcomeSchema = z.object({ ran: z.array(z.string()).length(1), failures: z.array(z.string()) });

const piece = fc.oneof(
  fc.constantFrom(
    "/",
    "//",
    ".",
    "..",
    "%",
    "%2f",
    "%2F",
    "%5c",
    "%00",
    "%41",
    "%7e",
    "%zz",
    "?",
    "#",
    "&",
    "=",
    "\\",
    "ä",
    "€",
    "😀",
    " ",
  ),
  fc.string({ unit: "binary", maxLength: 3 }).filter((text) => !/\p{Cs}/u.test(text)),
  fc.tuple(fc.integer({ min: 0, max: 255 })).map(([code]) => `%${code.toString(16).padStart(2, "0")}`),
);
const target = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join("")}`);

let folder: string;
let edge: TestEdge;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgewright-spelling-"));
  await symlink(RUNNER, join(folder, "run.lua"));
  await writeFile(join(folder, "spelling.lua"), specOf(fc.sample(target, TARGETS)));
  edge = await startTestEdge({ specs: folder });
});
afterAll(async () => {
  await edge?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Bytes as decimal escapes: no text breaks out of a Lua string of those. */
function luaText(text: string | undefined): string {
  if (text === undefined) return "false";
  return `"${[...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, "0")}`).join("")}"`;
}

function specOf(targets: readonly string[]): string {
  const cases = targets.map((text) => `  { ${luaText(text)}, ${luaText(canonicalTarget(text))} },`);
  return `local lu = require "luaunit"
local url = require "url"
local CASES = {
${cases.join("\n")}
}
local T = {}
function T.test_both_spell_the_same()
  for _, case in ipairs(CASES) do
    lu.assertEquals((url.canonical(case[1])) or false, case[2], case[1])
  end
end
return T
`;
}

test(`${TARGETS} targets of whatever bytes are spelt here as they are by the edge`, async () => {
  const { body } = await edge.control("GET", "/spec?spec=spelling");
  expect(outcomeSchema.parse(body).failures).toEqual([]);
});
