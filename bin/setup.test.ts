// The door of a fresh clone: what it says to an old Node, when it installs packages, and how it ends with npm.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { sendSignal } from "../platform/embedded/process-mark.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const WANTED = {
  "": { name: "clone" },
  "node_modules/koa": { version: "3.3.0" },
  "node_modules/vitest": { version: "4.1.12", dev: true },
  "node_modules/chdb": { version: "3.4.0", optional: true },
};

/** A clone with the real door, a lock file of its own, and an npm that only notes how it was called. */
function clone(installed?: object): string {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-clone-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(join(ROOT, "bin"), join(folder, "bin"), { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages: WANTED }));
  if (installed !== undefined) {
    writeFileSync(join(folder, "node_modules/.package-lock.json"), JSON.stringify({ packages: installed }));
  }
  writeFileSync(join(folder, "npm.js"), `require("fs").writeFileSync("called", process.argv.slice(2).join(" "));`);
  return folder;
}

function install(folder: string, options: { development: boolean; npm?: string }) {
  const script = `import { installPackages } from "./bin/setup.mjs"; installPackages(${JSON.stringify(options)});`;
  const env = { ...process.env, npm_execpath: options.npm ?? join(folder, "npm.js") };
  return spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: folder, env, encoding: "utf8" });
}

function npmCall(folder: string): string | undefined {
  const file = join(folder, "called");
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

test("an old Node is told which one is needed, and nothing else happens", () => {
  const pretend = `data:text/javascript,Object.defineProperty(process.versions, "node", { value: "18.20.4" });`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", pretend, "bin/edgewright.mjs", "up"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toBe(
    "Edgewright needs Node.js 20.12 or newer, and this is 18.20.4: install a newer one from https://nodejs.org.\n",
  );
});

test("packages are installed in a fresh clone, with a line before and after", () => {
  const folder = clone();
  const { status, stdout, stderr } = install(folder, { development: false });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(npmCall(folder)).toMatch(/^ci /);
  expect(stderr).toMatch(/^Installing the packages .*\nPackages installed in [\d.]+ s\.\n$/);
});

test("packages are installed again when one of another version is wanted", () => {
  const folder = clone({ ...WANTED, "node_modules/koa": { version: "3.2.0" } });
  install(folder, { development: false });
  expect(npmCall(folder)).toMatch(/^ci /);
});

test("nothing is installed when everything wanted is there: development tools only count for the tests", () => {
  const folder = clone({ "node_modules/koa": { version: "3.3.0" } });
  expect(install(folder, { development: false }).stderr).toBe("");
  expect(npmCall(folder)).toBeUndefined();
  install(folder, { development: true });
  expect(npmCall(folder)).toMatch(/^ci .*--include=dev/);
});

test("an npm that fails is one sentence with the way out", () => {
  const folder = clone();
  writeFileSync(join(folder, "broken.js"), "process.exit(1);");
  const { status, stderr } = install(folder, { development: false, npm: join(folder, "broken.js") });
  expect(status).toBe(1);
  expect(stderr).toMatch(/The packages could not be installed: check the network and the free space on the disk .*\n$/);
});

test("the lock file names the packages of every platform, or npm ci would refuse it", () => {
  const entry = z.object({ optionalDependencies: z.record(z.string(), z.string()).optional() });
  const lock = z
    .object({ packages: z.record(z.string(), entry) })
    .parse(JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")));
  const names = new Set(Object.keys(lock.packages).map((path) => path.split("node_modules/").at(-1)));
  const wanted = Object.values(lock.packages).flatMap((item) => Object.keys(item.optionalDependencies ?? {}));
  expect(wanted.filter((name) => !names.has(name))).toEqual([]);
});

test.each([
  ["npm itself", ""],
  ["npm with a shell between", "sh -c"],
])("a process whose npm was killed asks itself to stop: %s", async (_name, shell) => {
  const folder = clone();
  writeFileSync(
    join(folder, "started.mjs"),
    `import { stopWithNpm } from "./bin/setup.mjs"; stopWithNpm();
     process.on("SIGTERM", () => { console.log("stopping"); process.exit(); });
     setInterval(() => {}, 1000); console.log(process.pid);`,
  );
  const command =
    shell === "" ? [process.execPath, "started.mjs"] : ["/bin/sh", "-c", `${process.execPath} started.mjs; :`];
  const npm = spawn(
    process.execPath,
    [
      "-e",
      `const [program, ...args] = ${JSON.stringify(command)}; require("child_process").spawn(program, args, { stdio: "inherit" });`,
    ],
    { cwd: folder, env: { ...process.env, npm_lifecycle_event: "start" }, stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines: string[] = [];
  npm.stdout.on("data", (chunk) => lines.push(String(chunk).trim()));
  await once(npm.stdout, "data");
  const started = Number(lines[0]);
  onTestFinished(() => void sendSignal(started, "SIGKILL"));
  npm.kill("SIGKILL");
  await expect.poll(() => lines.at(-1), { timeout: 5000 }).toBe("stopping");
});
