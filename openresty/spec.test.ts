// Runs the Lua specs of spec/ inside a real nginx, on the real shared dicts.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { oldestTestNginx } from "../platform/embedded/test-services.ts";
import { startTestEdge, type TestEdge } from "./test-edge.ts";

const SPECS = fileURLToPath(new URL("spec", import.meta.url));
const COUNTRIES = createRequire(import.meta.url).resolve(
  "@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb",
);
const MODULES = fileURLToPath(new URL("lua", import.meta.url));
const specs = readdirSync(SPECS).flatMap((file) => (file.endsWith("_spec.lua") ? [file.slice(0, -".lua".length)] : []));
const outcomeSchema = z.object({ ran: z.array(z.string()).min(1), failures: z.array(z.string()) });

let edge: TestEdge;
let oldest: TestEdge;

beforeAll(async () => {
  const settings = { specs: SPECS, countryFile: COUNTRIES };
  edge = await startTestEdge(settings);
  oldest = await startTestEdge({ ...settings, nginx: await oldestTestNginx() });
});

afterAll(async () => {
  await Promise.all([edge?.stop(), oldest?.stop()]);
});

test.each(specs)("%s holds", async (spec) => {
  const { body } = await edge.control("GET", `/spec?spec=${spec}`);
  expect(outcomeSchema.parse(body).failures).toEqual([]);
});

test.each(specs)("%s holds in the oldest nginx that an edge may run", async (spec) => {
  const { body } = await oldest.control("GET", `/spec?spec=${spec}`);
  expect(outcomeSchema.parse(body).failures).toEqual([]);
});

test("a spec that fails is seen to fail", async () => {
  const { body } = await edge.control("GET", "/spec?spec=planted_failure");
  expect(outcomeSchema.parse(body)).toEqual({
    ran: ["test_fails", "test_holds"],
    failures: [expect.stringContaining("test_fails")],
  });
});

test("no module walks a dict: that locks it for all workers", () => {
  const sources = readdirSync(MODULES).map((file) => readFileSync(join(MODULES, file), "utf8"));
  expect(sources.length).toBeGreaterThan(20);
  expect(sources.filter((source) => source.includes("get_keys"))).toEqual([]);
});

test("no module writes a global variable", async () => {
  expect(await edge.errorLog()).not.toContain("writing a global Lua variable");
});
