// What workers of nginx died of, or are suspected to: on the disk, because nginx reads it before it loads the rest
// (openresty/lua/state.lua). A culprit stays until a newer version of its record is served; the same body is the same
// culprit under any revision.
import { join } from "node:path";
import { type FeedRecord, type RecordKind, type Refusal, recordKinds } from "../contract.ts";
import { findFile, writeDurably } from "../durable-file.ts";
import { type Held, keyOf } from "./state-index.ts";

/** `suspect`: a search was under way. */
type Guilt = "suspect" | "culprit";

export interface HeldBack {
  /** Culprits and suspects alike. */
  has(record: Pick<Held, "kind" | "id" | "hash">): boolean;
  suspects(): readonly Held[];
  culprits(): readonly Held[];
  /** On disk when it returns. */
  hold(records: readonly Held[], guilt: Guilt): Promise<void>;
  release(records: readonly Held[]): Promise<void>;
  /** Other versions of these are served now. */
  replaced(records: readonly Pick<FeedRecord, "kind" | "id" | "hash">[]): Promise<void>;
}

const LINES_MAX = 10_000;
const LINE = /^(suspect|culprit) ([a-z]+) ([0-9a-f-]{36}) (\d{1,15}) ([0-9a-f]{64})$/;

export async function openHeldBack(home: string): Promise<HeldBack> {
  const path = join(home, "state", "held-back");
  const known = new Map<string, { record: Held; guilt: Guilt }>();
  for (const line of ((await findFile(path)) ?? "").split("\n")) {
    const entry = parseLine(line);
    if (entry !== undefined) known.set(bodyKey(entry.record), entry);
  }

  async function write(): Promise<void> {
    const lines = [...known.values()].slice(-LINES_MAX).map(lineOf);
    await writeDurably(path, lines.join(""), 0o644);
  }

  const listed = (wanted: Guilt) =>
    [...known.values()].flatMap(({ record, guilt }) => (guilt === wanted ? [record] : []));

  return {
    has: (record) => known.has(bodyKey(record)),
    suspects: () => listed("suspect"),
    culprits: () => listed("culprit"),
    hold: async (records, guilt) => {
      for (const { kind, id, rev, hash } of records) {
        const record = { kind, id, rev, hash };
        known.set(bodyKey(record), { record, guilt });
      }
      await write();
    },
    release: async (records) => {
      for (const record of records) known.delete(bodyKey(record));
      await write();
    },
    replaced: async (records) => {
      if (known.size === 0) return;
      const keys = new Set(records.map(keyOf));
      const old = listed("culprit").filter((record) => keys.has(keyOf(record)));
      for (const record of old) known.delete(bodyKey(record));
      if (old.length > 0) await write();
    },
  };
}

function bodyKey({ kind, id, hash }: Pick<Held, "kind" | "id" | "hash">): string {
  return `${kind} ${id} ${hash}`;
}

function lineOf({ record: { kind, id, rev, hash }, guilt }: { record: Held; guilt: Guilt }): string {
  return `${guilt} ${kind} ${id} ${rev} ${hash}\n`;
}

function parseLine(line: string): { record: Held; guilt: Guilt } | undefined {
  const [, word, kindText, id = "", rev = "", hash = ""] = LINE.exec(line) ?? [];
  const kind: RecordKind | undefined = recordKinds.find((one) => one === kindText);
  if (kind === undefined) return undefined;
  return { record: { kind, id, rev: Number(rev), hash }, guilt: word === "culprit" ? "culprit" : "suspect" };
}

/** Those of the list that are held back as culprits, as the control plane is told. */
export function crashRefusal({ kind, id, rev }: Pick<Held, "kind" | "id" | "rev">): Refusal {
  const message = "workers of nginx die while it is served, and not without it";
  return { kind, id, rev, stage: "crash", message };
}
