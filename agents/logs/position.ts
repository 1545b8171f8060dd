// How far the access log was sent, on disk before anything is sent: a batch that may have arrived is sent again with the
// very same bytes, or the control plane could not tell that it is the same. A full disk keeps no line from being sent.
import { open } from "node:fs/promises";
import { z } from "zod";
import { parseJson } from "../apply/document.ts";
import { hashOf } from "../contract.ts";
import { findFile, writeDurably } from "../durable-file.ts";

const batchSchema = z.object({
  inode: z.string(),
  start: z.int().min(0),
  end: z.int().min(0),
  sha256: z.string(),
});
export type Batch = z.infer<typeof batchSchema>;

const lossSchema = z.object({ at: z.int(), from: z.int(), to: z.int(), lines: z.int().min(0) });
/** Unix milliseconds: when the lines were given up, and when the first and the last of them were written. */
export type Loss = z.infer<typeof lossSchema>;

const positionSchema = z.object({
  /** Bytes done with, by inode. */
  files: z.record(z.string(), z.int().min(0)),
  /** Being sent; perhaps arrived. */
  pending: batchSchema.nullable(),
  lost_lines: z.int().min(0),
  /** The newest of them, each at a time of its own. */
  losses: z.array(lossSchema).default([]),
  /** Losses up to this time are known to the control plane. */
  told_until: z.int().min(0).default(0),
  /** Names of files that are forgotten already and may still be there. */
  removing: z.array(z.string()).default([]),
});
export type Position = z.infer<typeof positionSchema>;

const emptyPosition: Position = {
  ...{ files: {}, pending: null, removing: [] },
  lost_lines: 0,
  losses: [],
  told_until: 0,
};

export interface PositionFile {
  /** As the last run left it. */
  readonly found: Position;
  write(position: Position): Promise<void>;
}

/** Of the file and its spares, the one that was written last counts. */
const fileSchema = positionSchema.extend({ writes: z.int().min(0).default(0) });

/** More than any position needs. */
const SPARE_BYTES = 64 * 1024;
const HASH_DIGITS = 64;

export async function openPositionFile(path: string): Promise<PositionFile> {
  const spares = [`${path}.spare-0`, `${path}.spare-1`];
  const texts = await Promise.all(spares.map(async (name) => (await findFile(name)) ?? ""));
  const noted = [(await findFile(path)) ?? "", ...texts.map(unsealed)].map(
    (text) => fileSchema.safeParse(parseJson(text)).data ?? { ...emptyPosition, writes: -1 },
  );
  const newest = noted.reduce((last, each) => (each.writes > last.writes ? each : last));
  let { writes, ...found } = newest;
  const used = new Set(spares.filter((_, index) => (texts[index] ?? "").trim() !== ""));
  // Never over the newest one.
  let turn = noted.indexOf(newest) === 1 ? 1 : 0;
  for (const [index, spare] of spares.entries()) {
    // Where there is no room already, lines wait until there is.
    if ((texts[index] ?? "").length < SPARE_BYTES) await writeDurably(spare, padded("")).catch(() => {});
  }

  return {
    found,
    write: async (position) => {
      writes += 1;
      const text = JSON.stringify({ ...position, writes } satisfies z.infer<typeof fileSchema>);
      try {
        await writeDurably(path, text);
      } catch (error) {
        const spare = spares[turn % spares.length];
        if (!hasCode(error, "ENOSPC", "EDQUOT") || spare === undefined || sealed(text).length > SPARE_BYTES)
          throw error;
        await overwrite(spare, padded(sealed(text)));
        turn += 1;
        used.add(spare);
        return;
      }
      // A position that is long past must not come back when somebody removes the file.
      for (const spare of used) await blank(spare);
      used.clear();
    },
  };
}

function padded(text: string): string {
  return text.padEnd(SPARE_BYTES, " ");
}

/** What is written in place may be torn, and of two whole positions a third be made: the hash tells. */
function sealed(text: string): string {
  return `${hashOf(text)} ${text}`;
}

function unsealed(spare: string): string {
  const text = spare.trimEnd().slice(HASH_DIGITS + 1);
  return spare.startsWith(hashOf(text)) ? text : "";
}

/** Where somebody has removed it there is nothing to blank. */
async function blank(spare: string): Promise<void> {
  await overwrite(spare, padded("")).catch((error: unknown) => {
    if (!hasCode(error, "ENOENT")) throw error;
  });
}

/** In blocks that are there already, which needs no room where a file system does not copy what it writes. */
async function overwrite(path: string, text: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.write(text, 0);
    await file.datasync();
  } finally {
    await file.close();
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.some((code) => code === error.code);
}
