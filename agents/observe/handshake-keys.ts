// Key files that nginx wants for handshakes: made once, so that reloads do not change them.
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findFile, writeDurably } from "../durable-file.ts";

/** The first three only tell where nginx keeps the keys of tickets: see openresty/lua/session_tickets.lua. */
const FILES = [
  { name: "ticket-1.key", length: 80 },
  { name: "ticket-2.key", length: 80 },
  { name: "ticket-3.key", length: 80 },
  // What addresses of QUIC's viewers are proven by; another one breaks their connections.
  { name: "quic.key", length: 64 },
] as const;

/** Leaves the files in tls/, for their owner alone; those that are there are kept. */
export async function ensureHandshakeKeys(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { name, length } of FILES) {
    const path = join(folder, name);
    if ((await findFile(path))?.length === length) continue;
    await writeDurably(path, randomBytes((length / 4) * 3).toString("base64"), 0o600);
  }
}
