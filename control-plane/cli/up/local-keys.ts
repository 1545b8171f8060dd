// The keys that a first start makes: they stay in the data folder and never leave it.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface LocalKeys {
  readonly masterKeyFile: string;
  readonly feedSigningKeyFile: string;
}

export function ensureLocalKeys(dataFolder: string): LocalKeys {
  const folder = join(dataFolder, "keys");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keys = { masterKeyFile: join(folder, "master.key"), feedSigningKeyFile: join(folder, "feed-signing.pem") };
  writeOnce(keys.masterKeyFile, () => `${randomBytes(32).toString("hex")}\n`);
  writeOnce(keys.feedSigningKeyFile, () =>
    generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  );
  return keys;
}

function writeOnce(path: string, content: () => string): void {
  try {
    writeFileSync(path, content(), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
