// `npm test`: the gates that read the code, side by side, since most of their time is that of the types; what each said is
// shown whole, with the time it took, and one that fails ends the run. The tests themselves come last and close with
// their count.
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
  const codes = await Promise.all(gates.map(runGate));
  return codes.every((code) => code === 0) ? runTests() : 1;
}

/** Shows what the gate said when it has ended: it is one of several that speak at once. */
async function runGate({ name, command }: Gate): Promise<number> {
  const startedAt = performance.now();
  let said = "";
  const code = await runCommand(command, { heard: (text) => (said += text) });
  process.stdout.write(said);
  say(verdict(name, code, startedAt));
  return code;
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
    const startedAt = performance.now();
    say("— tests …");
    const code = await runCommand([bin("vitest"), "run", ...reporters], { env: { TMPDIR: folder } });
    say(verdict("tests", code, startedAt));
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

function verdict(name: string, code: number, startedAt: number): string {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  return `— ${name}: ${code === 0 ? "good" : "failed"} (${seconds} s)`;
}

interface Running {
  readonly env?: Readonly<Record<string, string>>;
  /** Takes what the program says; without it, it goes where ours does. */
  readonly heard?: (text: string) => void;
}

function runCommand([program, ...args]: readonly string[], { env, heard }: Running = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const output = heard === undefined ? "inherit" : "pipe";
    const child = spawn(program ?? "", args, {
      stdio: ["inherit", output, output],
      env: { ...process.env, ...env },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => heard?.(text));
    }
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main();
