// The keys that a process needs, read from where the configuration says.
import { readFileSync } from "node:fs";
import { ConfigError } from "../../platform/config.ts";
import type { ControlPlaneConfig } from "../config.ts";

/** 32 bytes that seal secrets at rest; tokens are signed with a key derived from them. */
export function readMasterKey(config: ControlPlaneConfig): Buffer {
  if (config.MASTER_KEY !== undefined) return Buffer.from(config.MASTER_KEY, "hex");
  if (config.MASTER_KEY_FILE === undefined) {
    throw new ConfigError("MASTER_KEY: is required (or MASTER_KEY_FILE): `openssl rand -hex 32` makes one.");
  }
  const text = readKeyFile("MASTER_KEY_FILE", config.MASTER_KEY_FILE).trim();
  if (!/^[0-9a-f]{64}$/.test(text)) throw new ConfigError("MASTER_KEY_FILE: must hold 64 hex digits.");
  return Buffer.from(text, "hex");
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
