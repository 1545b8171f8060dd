// `npm test`: checks Node, installs the packages, development tools among them, then runs every gate in this same process.
import { assertNodeVersion } from "./node-version.mjs";

assertNodeVersion();
void import("./setup.mjs").then(({ installPackages, runTypeScript, stopWithNpm }) => {
  installPackages({ development: true });
  stopWithNpm();
  return runTypeScript("tests/gate.ts");
});
