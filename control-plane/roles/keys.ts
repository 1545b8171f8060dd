// The keys that a process needs, read from where the configuration says.
import { readFileSync, statSync } from "node:fs";
import { ConfigError } from "../../platform/config.ts";
import type { Logger } from "../../platform/log.ts";
import { type MasterKey, type MasterKeys, masterKey } from "../../platform/seal.ts";
import type { ControlPlaneConfig } from "../config.ts";

type KeySettings = Pick<ControlPlaneConfig, "MASTER_KEY" | "MASTER_KEY_FILE">;

const KEY = /^[0-9a-f]{64}$/;
const KEYS_MAX = 10;

/**
 * The keys that seal secrets at rest, as they are at the moment: a file is read again when it has changed. So a process
 * that runs knows a key that was put in front of it before it meets a value which that key has sealed.
 */
export function openMasterKeys(config: KeySettings, log: Logger): () => MasterKeys {
  const { MASTER_KEY: text, MASTER_KEY_FILE: path } = config;
  if (text !== undefined) {
    const keys = parseMasterKeys("MASTER_KEY", text.split(","));
    return () => keys;
  }
  if (path === undefined) {
    throw new ConfigError("MASTER_KEY: is required (or MASTER_KEY_FILE): `openssl rand -hex 32` makes one.");
  }
  // Looked at before it is read: a change in between is seen the next time.
  let seen = stateOf(path);
  let keys = readMasterKeyFile(path);
  return () => {
    const state = stateOf(path);
    if (state === seen) return keys;
    seen = state;
    try {
      keys = readMasterKeyFile(path);
    } catch (error) {
      log.error({ error }, "the master keys cannot be read again: those read before stay in use");
    }
    return keys;
  };
}

/** One key per line, the current one first. */
export function readMasterKeyFile(path: string): MasterKeys {
  const lines = readKeyFile("MASTER_KEY_FILE", path).split("\n");
  return parseMasterKeys(
    "MASTER_KEY_FILE",
    lines.filter((line) => line.trim() !== ""),
  );
}

function parseMasterKeys(setting: keyof KeySettings, texts: readonly string[]): MasterKeys {
  if (texts.length > KEYS_MAX) {
    throw new ConfigError(`${setting}: holds ${texts.length} keys: take out those that nothing uses any more.`);
  }
  const [current, ...former] = texts.map((text, index) => parseMasterKey(setting, text.trim(), index + 1));
  if (current === undefined) {
    throw new ConfigError(`${setting}: holds no key: \`openssl rand -hex 32\` makes one.`);
  }
  return [current, ...former];
}

function parseMasterKey(setting: keyof KeySettings, text: string, position: number): MasterKey {
  if (KEY.test(text)) return masterKey(Buffer.from(text, "hex"));
  throw new ConfigError(
    `${setting}: key ${position} must be 64 hex digits in lower case: \`openssl rand -hex 32\` makes one.`,
  );
}

/** Changes whenever the file does; undefined when it is not there. */
function stateOf(path: string): string | undefined {
  try {
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch {
    return undefined; // reading it will say why
  }
}

/** PEM of the Ed25519 key that signs the feed; the worker alone has it. */
export function readFeedSigningKey(config: ControlPlaneConfig): string {
  if (config.FEED_SIGNING_KEY_FILE === undefined) {
    throw new ConfigError(
      "FEED_SIGNING_KEY_FILE: is required for a worker: `openssl genpkey -algorithm ed25519` makes one.",
    );
  }
  return readKeyFile("FEED_SIGNING_KEY_FILE", config.FEED_SIGNING_KEY_FILE);
}

/** PEM of the key that the signing key takes over from. */
export function readPreviousFeedSigningKey(config: ControlPlaneConfig): string | undefined {
  const path = config.FEED_PREVIOUS_SIGNING_KEY_FILE;
  return path === undefined ? undefined : readKeyFile("FEED_PREVIOUS_SIGNING_KEY_FILE", path);
}

function readKeyFile(setting: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(`${setting}: ${path} cannot be read.`, { cause: error });
  }
}
