// The committed OpenAPI document: what tests are generated from, before anything runs. A gate proves that it is what the
// routes say.
import { readFileSync } from "node:fs";
import { documentSchema, type OpenApi } from "./world.ts";

export function committedDocument(): OpenApi {
  const file = new URL("../../docs/openapi.json", import.meta.url);
  return documentSchema.parse(JSON.parse(readFileSync(file, "utf8")));
}
