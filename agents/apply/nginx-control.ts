// The agent's side of nginx's control socket (openresty/lua/control.lua).
import { type FileHandle, open } from "node:fs/promises";
import { Pool } from "undici";
import { z } from "zod";
import { readBody } from "../bounded-body.ts";
import { type Refusal, refusalSchema } from "../contract.ts";
import type { Pins } from "./document.ts";
import type { SecretChanges } from "./secrets.ts";

const applyReplySchema = z.object({ applied: z.int(), refused: z.array(refusalSchema) });

const nginxStateSchema = z.object({
  feed_id: z.string().nullish(),
  applied: z.int().nullish(),
  structure: z.int().nullish(),
  documents: z.int().nullish(),
  document_bytes: z.number().nullish(),
  document_bytes_max: z.number().nullish(),
  probe_secret: z.string(),
  /** Unix seconds, or ahead of them: what it must not fall behind when it starts again. */
  clock: z.int().nullish(),
  /** Open now; absent as `requests` may be. */
  connections: z.int().nullish(),
  /** Being answered at this moment; absent where nginx was built without counting them. */
  requests: z.int().nullish(),
  refused: z.union([z.array(refusalSchema), z.strictObject({})]).nullish(),
});
export type NginxState = z.infer<typeof nginxStateSchema>;

export interface NginxControl {
  apply(frames: Buffer, at: { feedId: string; applied: number; isTakenBack: boolean }): Promise<Refusal[]>;
  state(timeoutMs?: number): Promise<NginxState>;
  pin(pins: Pins): Promise<void>;
  /** Into nginx's memory, nowhere else. */
  keepSecrets(changes: SecretChanges): Promise<void>;
  /** Whether this edge takes viewers. */
  tellNode(state: "active" | "draining"): Promise<void>;
  close(): Promise<void>;
}

const CALL_TIMEOUT_MS = 10_000;
const REPLY_BYTES_MAX = 8 * 1024 * 1024;

export async function openNginxControl(runFolder: string): Promise<NginxControl> {
  const { folder, socketPath } = await openSocketFolder(runFolder, "control.sock");
  const pool = new Pool("http://localhost", { socketPath, connections: 2, connect: { timeout: 2_000 } });

  async function call(method: "GET" | "POST" | "PUT", path: string, options: CallOptions = {}): Promise<unknown> {
    const { statusCode, body } = await pool.request({
      method,
      path,
      headers: options.headers ?? {},
      body: options.body ?? null,
      signal: AbortSignal.timeout(options.timeoutMs ?? CALL_TIMEOUT_MS),
    });
    const text = await readBody(body, REPLY_BYTES_MAX);
    if (statusCode !== 200 && statusCode !== 204)
      throw new Error(`nginx answered ${method} ${path} with ${statusCode}: ${text.slice(0, 300)}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  return {
    apply: async (frames, { feedId, applied, isTakenBack }) => {
      const headers = {
        "x-edge-applied": `${applied}`,
        "x-edge-feed": feedId,
        "content-type": "application/octet-stream",
        ...(isTakenBack ? { "x-edge-take-back": "1" } : {}),
      };
      const reply = applyReplySchema.parse(await call("POST", "/apply", { headers, body: frames }));
      return reply.refused;
    },
    state: async (timeoutMs) =>
      nginxStateSchema.parse(await call("GET", "/state", timeoutMs === undefined ? {} : { timeoutMs })),
    pin: async (pins) => {
      await call("PUT", "/addresses", { headers: { "content-type": "application/json" }, body: JSON.stringify(pins) });
    },
    keepSecrets: async (changes) => {
      const headers = { "content-type": "application/json" };
      await call("PUT", "/secrets", { headers, body: JSON.stringify(changes) });
    },
    tellNode: async (state) => {
      await call("PUT", "/node", { headers: { "content-type": "text/plain" }, body: `${state}\n` });
    },
    close: async () => {
      await pool.destroy();
      await folder.close();
    },
  };
}

interface CallOptions {
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly timeoutMs?: number;
}

/** A socket's path has at most 107 bytes, a data folder's may be longer: the open folder's own name is short. */
export async function openSocketFolder(
  path: string,
  name: string,
): Promise<{ folder: FileHandle; socketPath: string }> {
  const folder = await open(path, "r");
  return { folder, socketPath: `/proc/self/fd/${folder.fd}/${name}` };
}

/** Refusals that nginx remembers since it loaded the disk; Lua writes an empty list as {}. */
export function refusedBy(state: NginxState): readonly Refusal[] {
  return Array.isArray(state.refused) ? state.refused : [];
}
