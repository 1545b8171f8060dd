// A structure record as files: structure/<rev>/, with `current` pointing at the one that nginx runs.
import { mkdir, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Listener } from "../config.ts";
import { hashOf } from "../contract.ts";
import { findFile, isMissing, syncFolder } from "../durable-file.ts";
import { parseJson } from "./document.ts";

const FILES_MAX = 100;
/** Stays below the structure's folder: no way up, no hidden name. */
const filePath = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]*(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$/, "must be a plain relative path");
const file = z.object({ path: filePath, text: z.string() });
const port = z.int().min(1).max(65535);
const listener = z.object({ host: z.string().min(1).max(100), port });

const structureSchema = z.object({
  format: z.literal(1),
  files: z.array(file).min(1).max(FILES_MAX),
  /** Stand in for files of equal path when a throw-away nginx tries the rest. */
  taste: z.array(file).max(FILES_MAX),
  /** Where the real listeners are reached from this machine, and a name that answers /__edge/health. */
  probe: z.object({
    own_name: z.string().min(1).max(253),
    http: listener,
    https: listener.nullable(),
    /** For the edges of child groups; never asked. */
    children: listener.nullable().default(null),
  }),
});
export type Structure = z.infer<typeof structureSchema>;

export interface StructureRecord {
  readonly id: string;
  readonly rev: number;
  readonly body: string;
}

/** Throws with the reason when the body is no structure that this agent understands. */
export function parseStructure(body: string): Structure {
  const parsed = structureSchema.safeParse(parseJson(body));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`not a structure that this agent understands: ${issue?.path.join(".")}: ${issue?.message}`);
}

/** Whatever address it is bound to: an edge that asks itself asks for ever. */
export function listenersOf({ probe: { http, https, children } }: Structure): Listener[] {
  return [http, https, children].flatMap((listener) => (listener === null ? [] : [{ host: "*", port: listener.port }]));
}

export interface StructureFolder {
  /** Writes structure/<rev>/ whole, or not at all. */
  write(rev: number, body: string): Promise<void>;
  /** What `current` points at, with the structure itself. */
  current(): Promise<CurrentStructure | undefined>;
  /** The one that was current before, while it is on the disk. */
  former(): Promise<CurrentStructure | undefined>;
  /** Points `current` elsewhere; undefined takes it away. nginx reads its revision from where this points. */
  flip(rev: number | undefined): Promise<void>;
  /** Removes what is neither current nor previous. */
  prune(keep: readonly number[]): Promise<void>;
  path(rev: number): string;
}

interface CurrentStructure {
  readonly rev: number;
  /** Of the record's body: another feed may use the revision again. */
  readonly hash: string;
  readonly structure: Structure;
}

const RECORD_FILE = "record.json";

export function openStructureFolder(home: string): StructureFolder {
  const folder = join(home, "structure");
  const link = join(home, "current");
  const path = (rev: number) => join(folder, `${rev}`);

  async function read(rev: number | undefined): Promise<CurrentStructure | undefined> {
    const body = rev === undefined ? undefined : await findFile(join(path(rev), RECORD_FILE));
    return rev === undefined || body === undefined
      ? undefined
      : { rev, hash: hashOf(body), structure: parseStructure(body) };
  }

  async function former(): Promise<CurrentStructure | undefined> {
    const current = `${await linkedRev(link)}`;
    const others = (await readdir(folder)).filter((name) => /^\d+$/.test(name) && name !== current);
    return others.length === 1 ? await read(Number(others[0])) : undefined;
  }

  return {
    path,
    current: async () => await read(await linkedRev(link)),
    former,
    write: async (rev, body) => {
      const beside = join(folder, `${rev}.new`);
      await rm(beside, { recursive: true, force: true });
      await writeFiles(beside, parseStructure(body).files);
      await writeFile(join(beside, RECORD_FILE), body);
      await rm(path(rev), { recursive: true, force: true });
      await rename(beside, path(rev));
      await syncFolder(folder);
    },
    flip: async (rev) => {
      if (rev === undefined) return rm(link, { force: true });
      const beside = join(home, ".current.new");
      await rm(beside, { force: true });
      await symlink(join("structure", `${rev}`), beside);
      await rename(beside, link);
      await syncFolder(home);
    },
    prune: async (keep) => {
      const names = new Set(keep.map(String));
      const others = (await readdir(folder)).filter((name) => !names.has(name));
      for (const name of others) await rm(join(folder, name), { recursive: true, force: true });
    },
  };
}

export async function writeFiles(folder: string, files: readonly { path: string; text: string }[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  for (const { path, text } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o755 });
    await writeFile(join(folder, path), text, { mode: 0o644 });
  }
}

async function linkedRev(link: string): Promise<number | undefined> {
  try {
    const rev = Number((await readlink(link)).replace(/^structure\//, ""));
    return Number.isInteger(rev) ? rev : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
