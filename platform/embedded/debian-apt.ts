// An apt of our own beside the system's: it fetches Debian packages into a work folder, without root and without touching
// what is installed.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { debianMirror } from "./debian-mirror.ts";
import { PLAIN_ENVIRONMENT, runProgram } from "./program.ts";
import { diskFull, StartError, saysDiskFull } from "./start-error.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const INDEX_TIMEOUT_MS = 120_000;
const DOWNLOAD_TIMEOUT_MS = 300_000;

export interface PrivateApt {
  readonly work: string;
  readonly mirror: string;
  readonly env: NodeJS.ProcessEnv;
}

/** An apt that knows nothing installed and one source; of the system's settings it keeps how to reach the network. */
export async function preparePrivateApt(wanted: {
  work: string;
  suite: string;
  /** Is a copy of the archive good enough that its mirror stopped renewing? What it holds is signed all the same. */
  mayBeOld: boolean;
  mirror: string | undefined;
  env: NodeJS.ProcessEnv | undefined;
}): Promise<PrivateApt> {
  const { work, suite, mayBeOld, mirror = debianMirror(), env = {} } = wanted;
  for (const folder of ["state/lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(work, folder), { recursive: true });
  }
  writeFileSync(join(work, "status"), "");
  const signedBy = existsSync(KEYRING) ? [`Signed-By: ${KEYRING}`] : [];
  const source = ["Types: deb", `URIs: ${mirror}`, `Suites: ${suite}`, "Components: main", ...signedBy, ""];
  writeFileSync(join(work, "debian.sources"), source.join("\n"));
  const configFile = join(work, "apt.conf");
  writeFileSync(configFile, [...privateSettings(work, mayBeOld), ...(await systemNetworkSettings()), ""].join("\n"));
  return { work, mirror, env: { ...PLAIN_ENVIRONMENT, ...proxiesOf(env), APT_CONFIG: configFile } };
}

function proxiesOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => /^(https?|all|no)_proxy$/i.test(name)));
}

function privateSettings(work: string, mayBeOld: boolean): string[] {
  return [
    // The system's hooks must not run: some empty its package cache.
    'Dir::Etc::parts "/dev/null";',
    'Dir::Etc::main "/dev/null";',
    `Dir::Etc::sourcelist "${work}/debian.sources";`,
    'Dir::Etc::sourceparts "/dev/null";',
    'Dir::Etc::preferences "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";',
    `Dir::State "${work}/state";`,
    `Dir::State::status "${work}/status";`,
    `Dir::Cache "${work}/cache";`,
    `Dir::Log "${work}";`,
    'APT::Sandbox::User "root";',
    'APT::Install-Recommends "false";',
    'APT::Get::Assume-Yes "true";',
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
    'Debug::NoLocking "true";',
    ...(mayBeOld ? ['Acquire::Check-Valid-Until "false";'] : []),
  ];
}

/** Proxies, certificates and the like of this machine's apt: a company's network is reached as apt reaches it. */
async function systemNetworkSettings(): Promise<string[]> {
  const { code, output } = await runProgram(["apt-config", "dump"], { timeoutMs: INDEX_TIMEOUT_MS });
  if (code !== 0) return [];
  return output.split("\n").filter((line) => /^Acquire::(http|https|ForceIPv[46])\b.* ".+";$/i.test(line));
}

export function updateIndex(apt: PrivateApt): Promise<void> {
  return runApt(apt, ["update", "--error-on=any"], INDEX_TIMEOUT_MS);
}

/** Them and all they need, into `cache/archives` of the work folder. */
export function downloadPackages(apt: PrivateApt, packages: readonly string[]): Promise<void> {
  return runApt(apt, ["install", "--download-only", ...packages], DOWNLOAD_TIMEOUT_MS);
}

async function runApt(apt: PrivateApt, args: readonly string[], timeoutMs: number): Promise<void> {
  const { code, output } = await runProgram(["apt-get", ...args], { timeoutMs, env: apt.env });
  if (code === 0) return;
  throw explainAptFault(code === null ? `no end within ${timeoutMs / 1000} s` : output, apt);
}

function explainAptFault(output: string, apt: PrivateApt): StartError {
  const { mirror } = apt;
  const lines = output.trim().split("\n");
  const fault = lines.find((line) => /^(E|Err|W):/.test(line)) ?? lines.at(-1);
  if (saysDiskFull(output)) return diskFull(apt.work);
  if (/NO_PUBKEY|not signed|signatures/i.test(output)) {
    return new StartError(`The packages of ${mirror} could not be trusted (${fault}): install debian-archive-keyring.`);
  }
  return new StartError(
    `nginx and Redis could not be fetched from ${mirror} (${fault}): check the network, or name a mirror that this machine reaches in /etc/apt/sources.list.`,
  );
}
