// `npm test`: every gate in turn, each with the time it took; the first that fails ends the run. The tests themselves
// come last and close with their count.
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { leftoversOf } from "./gate/leftovers.ts";

interface Gate {
  readonly name: string;
  readonly command: readonly string[];
}

/** What tsx has compiled, kept for its next start. */
const TSX_CACHE = /^tsx-\d+$/;
const bin = (name: string) => `node_modules/.bin/${name}`;
const ROOMS = ["client", "control-plane", "edge-templates", "agents", "platform"];

const gates: readonly Gate[] = [
  { name: "format and lint", command: [bin("biome"), "ci", "--error-on-warnings"] },
  { name: "types", command: [bin("tsc"), "--project", "."] },
  { name: "import rules", command: [bin("depcruise"), "--config", "tests/gate/import-rules.cjs", ...ROOMS] },
  { name: "dead code", command: [bin("knip"), "--config", "tests/gate/knip.json"] },
  { name: "drift of generated files", command: [bin("tsx"), "tests/gate/generated.ts", "--check"] },
];

const resultSchema = z.object({ numPassedTests: z.number(), numFailedTests: z.number(), numPendingTests: z.number() });

async function main(): Promise<number> {
  const only = process.argv.slice(2);
  if (only.length > 0) return runCommand([bin("vitest"), "run", ...only]);
  for (const gate of gates) {
    if ((await timed(gate.name, gate.command)) !== 0) return 1;
  }
  return runTests();
}

/** In a temp folder of its own: what is left in it afterwards, or still runs there, is a leak. */
async function runTests(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-gate-"));
  // As open as the system's own: some tests start programs as nobody.
  chmodSync(folder, 0o755);
  const reports = mkdtempSync(join(tmpdir(), "edgewright-report-"));
  try {
    const report = join(reports, "tests.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const code = await timed("tests", [bin("vitest"), "run", ...reporters], { TMPDIR: folder });
    const left = leftoversOf(folder);
    const leaks = [...left.processes, ...left.entries.filter((entry) => !TSX_CACHE.test(entry))];
    for (const leak of leaks) say(`left behind: ${leak}`);
    const result = resultSchema.parse(JSON.parse(readFileSync(report, "utf8")));
    const skipped = result.numPendingTests === 0 ? "" : `, ${result.numPendingTests} skipped`;
    say(`${result.numPassedTests} passed, ${result.numFailedTests} failed${skipped}`);
    return code === 0 && leaks.length > 0 ? 1 : code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(reports, { recursive: true, force: true });
  }
}

async function timed(name: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  say(`— ${name} …`);
  const startedAt = performance.now();
  const code = await runCommand(command, env);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  say(`— ${name}: ${code === 0 ? "good" : "failed"} (${seconds} s)`);
  return code;
}

function runCommand([program, ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program ?? "", args, { stdio: "inherit", env: { ...process.env, ...env } });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main();
