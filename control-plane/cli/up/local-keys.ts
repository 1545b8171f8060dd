// The keys that a first start makes: they stay in the data folder and never leave it.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeWholeFile } from "../../../platform/embedded/whole-file.ts";

export interface LocalKeys {
  readonly masterKeyFile: string;
  readonly feedSigningKeyFile: string;
}

export function localKeys(dataFolder: string): LocalKeys {
  const folder = join(dataFolder, "keys");
  return { masterKeyFile: join(folder, "master.key"), feedSigningKeyFile: join(folder, "feed-signing.pem") };
}

export function ensureLocalKeys(dataFolder: string): LocalKeys {
  const keys = localKeys(dataFolder);
  mkdirSync(dirname(keys.masterKeyFile), { recursive: true, mode: 0o700 });
  writeOnce(keys.masterKeyFile, () => `${randomBytes(32).toString("hex")}\n`);
  writeOnce(keys.feedSigningKeyFile, () =>
    generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  );
  return keys;
}

/** Only the one run that holds the data folder comes here. */
function writeOnce(path: string, content: () => string): void {
  if (!existsSync(path)) writeWholeFile(path, content());
}
