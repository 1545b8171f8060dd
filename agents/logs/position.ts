// How far the access log was sent, on disk before anything is sent: a batch that may have arrived is sent again with the
// very same bytes, or the control plane could not tell that it is the same.
import { z } from "zod";
import { parseJson } from "../apply/document.ts";
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

export async function readPosition(path: string): Promise<Position> {
  const parsed = positionSchema.safeParse(parseJson((await findFile(path)) ?? ""));
  return parsed.success ? parsed.data : emptyPosition;
}

export async function writePosition(path: string, position: Position): Promise<void> {
  await writeDurably(path, JSON.stringify(position), 0o600);
}
