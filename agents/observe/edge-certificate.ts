// The certificate of this edge where nginx reads it: shown to edges of the parent group and of child groups, who show theirs.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findFile, writeDurably } from "../durable-file.ts";
import type { Identity } from "../identity/identity.ts";

/** Leaves edge.crt, edge.key and edges.crt, the authority's; answers whether anything is new. */
export async function writeEdgeCertificate(
  folder: string,
  { certificate, key, authority }: Pick<Identity, "certificate" | "key" | "authority">,
): Promise<boolean> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = [
    { path: join(folder, "edge.key"), text: key.export({ type: "pkcs8", format: "pem" }).toString(), mode: 0o600 },
    { path: join(folder, "edge.crt"), text: certificate, mode: 0o600 },
    { path: join(folder, "edges.crt"), text: authority, mode: 0o600 },
  ];
  let isNew = false;
  for (const { path, text, mode } of files) {
    if ((await findFile(path)) === text) continue;
    await writeDurably(path, text, mode);
    isNew = true;
  }
  return isNew;
}
