// The password of an embedded service: made once, kept beside its data, readable by its owner alone.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { writeWholeFile } from "./whole-file.ts";

export function keepPassword(file: string): string {
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const password = randomBytes(24).toString("base64url");
  writeWholeFile(file, `${password}\n`);
  return password;
}
