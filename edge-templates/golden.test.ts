// Golden files: `features/<name>/goldens/<case>.golden` holds an input (JSON, laid over a whole example), a line `---`,
// and what the feature makes of it. `vitest -u` writes the outputs anew; the inputs are for people to edit.
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { cacheConf } from "./features/cache/view.ts";
import { compressionConf } from "./features/compression/view.ts";
import {
  cachedConf,
  controlConf,
  innerConf,
  originConf,
  originVerifiedConf,
  outerConf,
  passConf,
  viewerConf,
} from "./features/hops/view.ts";
import { listenersConf, tasteListenersConf } from "./features/listeners/view.ts";
import { logConf } from "./features/logs/view.ts";
import { memoryConf } from "./features/memory/view.ts";
import { originPart } from "./features/origin/view.ts";
import { nginxConf } from "./features/process/view.ts";
import { childrenConf, childrenListenerConf, parentConf, tasteChildrenListenerConf } from "./features/shield/view.ts";
import { tlsConf } from "./features/tls/view.ts";
import { compileDocument, type DesiredDistribution, type DesiredGroup } from "./index.ts";
import { readDesired } from "./test-desired.ts";

const FEATURES = fileURLToPath(new URL("features", import.meta.url));
const SEPARATOR = "\n---\n";

type GroupView = (group: DesiredGroup) => Record<string, string>;

const structures: Readonly<Record<string, GroupView>> = {
  cache: (group) => ({ "cache.conf": cacheConf(group) }),
  compression: (group) => ({ "compression.conf": compressionConf(group) }),
  hops: (group) => ({
    "outer.conf": outerConf(group),
    "cached.conf": cachedConf(group),
    "viewer.conf": viewerConf(),
    "inner.conf": innerConf(group),
    "origin.conf": originConf(),
    "origin-verified.conf": originVerifiedConf(),
    "pass.conf": passConf(),
    "control.conf": controlConf(),
  }),
  listeners: (group) => ({
    "listeners.conf": listenersConf(group),
    "taste: listeners.conf": tasteListenersConf(group),
  }),
  logs: (group) => ({ "log.conf": logConf(group) }),
  memory: (group) => ({ "memory.conf": memoryConf(group) }),
  process: (group) => ({ "nginx.conf": nginxConf(group) }),
  shield: (group) => ({
    "children.conf": childrenConf(group),
    "children-listener.conf": childrenListenerConf(group),
    "taste: children-listener.conf": tasteChildrenListenerConf(),
    "parent.conf": parentConf(),
  }),
  tls: () => ({ "tls.conf": tlsConf() }),
};

const documents: Readonly<Record<string, (distribution: DesiredDistribution) => unknown>> = {
  access: (distribution) => JSON.parse(compileDocument(distribution).body).access,
  cache: (distribution) => JSON.parse(compileDocument(distribution).body).cache,
  cors: (distribution) => JSON.parse(compileDocument(distribution).body).cors,
  headers: (distribution) => JSON.parse(compileDocument(distribution).body).headers,
  hsts: (distribution) => JSON.parse(compileDocument(distribution).body).hsts,
  limits: (distribution) => JSON.parse(compileDocument(distribution).body).limits,
  origin: originPart,
  redirects: (distribution) => JSON.parse(compileDocument(distribution).body).redirects,
};

function outputOf(feature: string, text: string): string {
  const input = readDesired(text);
  if (input.desired === "distribution") {
    const make = documents[feature];
    if (make === undefined) throw new Error(`${feature} has no part in a document`);
    return JSON.stringify(make(input.distribution), null, 2);
  }
  const make = structures[feature];
  if (make === undefined) throw new Error(`${feature} renders no file`);
  return Object.entries(make(input.group))
    .map(([path, content]) => `### ${path}\n${content}`)
    .join("\n");
}

const goldens = readdirSync(FEATURES, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".golden"))
  .sort();

describe("goldens", () => {
  test("every feature has some", () => {
    const features = new Set(goldens.map((path) => dirname(dirname(path))));
    expect([...features].sort()).toEqual([...new Set([...Object.keys(structures), ...Object.keys(documents)])].sort());
  });

  test.each(goldens)("%s", async (path) => {
    const feature = basename(dirname(dirname(path)));
    const file = join(FEATURES, path);
    const [input = ""] = readFileSync(file, "utf8").split(SEPARATOR);
    await expect(`${input}${SEPARATOR}${outputOf(feature, input)}\n`).toMatchFileSnapshot(file);
  });
});
