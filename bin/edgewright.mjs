#!/usr/bin/env node
// The door of every command: checks Node, installs the packages of a fresh clone, then hands over to the TypeScript
// programs in this same process, so that signals reach them. Plain JavaScript that an old Node can read as well.
import { assertNodeVersion } from "./node-version.mjs";

assertNodeVersion();
void import("./setup.mjs").then(({ installPackages, runTypeScript, stopWithNpm }) => {
  installPackages({ development: false });
  stopWithNpm();
  return runTypeScript(process.argv[2] === "agent:start" ? "agents/main.ts" : "control-plane/cli/main.ts");
});
