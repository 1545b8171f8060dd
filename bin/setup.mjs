// What a fresh clone needs before TypeScript can run: the packages of package-lock.json, and tsx registered.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NPM_WATCH_MS = 500;

/** Runs `npm ci` when what is installed is not what package-lock.json says. It writes to standard error alone. */
export function installPackages({ development }) {
  if (arePackagesInstalled({ development })) return;
  say("Installing the packages of package-lock.json (npm ci) …");
  const startedAt = performance.now();
  const [program, ...args] = npmCommand();
  const flags = ["--no-audit", "--no-fund", "--loglevel=error", ...(development ? ["--include=dev"] : [])];
  // Its output goes to standard error: standard output may be somebody's JSON.
  const { status, signal, error } = spawnSync(program, [...args, "ci", ...flags], {
    cwd: ROOT,
    stdio: ["ignore", 2, 2],
  });
  if (signal !== null) process.exit(130);
  if (error !== undefined) fail(`npm could not be started (${error.message}): install npm beside Node.js.`);
  if (status !== 0) {
    fail(
      "The packages could not be installed: check the network and the free space on the disk (npm's own words are above), then start again.",
    );
  }
  say(`Packages installed in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
}

/** The npm that runs us, if one does: it may not be in the search path. */
function npmCommand() {
  const { npm_execpath: script } = process.env;
  return script?.endsWith(".js") ? [process.execPath, script] : ["npm"];
}

/** npm keeps what it installed in a lock file of its own; an interrupted installation has none. */
function arePackagesInstalled({ development }) {
  const wanted = readPackages(join(ROOT, "package-lock.json"));
  const installed = readPackages(join(ROOT, "node_modules/.package-lock.json"));
  return Object.entries(wanted).every(([path, { version, dev, devOptional, optional, peer }]) => {
    const found = installed[path]?.version;
    if (found !== undefined) return found === version;
    // Optional packages are left out where they do not fit the machine.
    return path === "" || optional || peer || devOptional || (dev && !development);
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages ?? {};
  } catch {
    return {};
  }
}

/** `npm start` killed the hard way leaves us behind: then we stop in order, as after Ctrl-C. */
export function stopWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const started = ancestry();
  const watch = setInterval(() => {
    if (ancestry() === started) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, NPM_WATCH_MS);
  watch.unref();
}

/** Our parent, and when that is npm's shell, the shell's: npm. */
function ancestry() {
  const parent = process.ppid;
  try {
    const [program, option] = readFileSync(`/proc/${parent}/cmdline`, "utf8").split("\0");
    if (!/\bsh$/.test(program) || option !== "-c") return String(parent);
    const stat = readFileSync(`/proc/${parent}/stat`, "utf8");
    // The second field is a name in parentheses and may hold anything; the parent is the fourth.
    return `${parent} ${stat.slice(stat.lastIndexOf(")")).split(" ")[2]}`;
  } catch {
    return String(parent);
  }
}

/** `program` begins when it is imported and reads process.argv itself. */
export async function runTypeScript(program) {
  process.setSourceMapsEnabled(true);
  const { register } = await import("tsx/esm/api");
  register();
  await import(pathToFileURL(join(ROOT, program)).href);
}

function fail(sentence) {
  say(sentence);
  process.exit(1);
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
