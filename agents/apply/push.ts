// Hands records to nginx over its control socket, in pieces that do not hold a worker for long.
import { type FeedRecord, frame, pushedKinds, type Refusal } from "../contract.ts";
import type { Frame } from "./frames.ts";
import type { NginxControl } from "./nginx-control.ts";
import { keyOf } from "./state-index.ts";

const PIECE_BYTES_MAX = 512 * 1024;
/** As many refused records are tried once more at the end: the host that one wants may be let go of by a later piece. */
const TRIED_AGAIN_MAX = 1_000;

export interface Push {
  readonly feedId: string;
  /** What nginx has before this push, and what it has when all of it is there. */
  readonly from: number;
  readonly to: number;
  /** Asked after every piece: refusals until now. Throws to stop. */
  readonly afterPiece: (refused: readonly Refusal[]) => void;
  /** These are not to be served any more, at just these revisions. */
  readonly isTakenBack?: boolean;
}

export type Pushable = FeedRecord | Frame;

/** Returns what nginx refused. */
export async function push(
  control: NginxControl,
  records: AsyncIterable<Pushable> | Iterable<Pushable>,
  { feedId, from, to, afterPiece, isTakenBack = false }: Push,
): Promise<Refusal[]> {
  const refused = new Map<string, Refusal>();
  const again = new Map<string, Pushable>();
  let pieces = 0;
  let piece: Pushable[] = [];
  let bytes = 0;

  async function send(applied: number): Promise<void> {
    const sent = new Map(piece.map((one) => [keyOf(headOf(one)), one]));
    const reply = await control.apply(Buffer.concat(piece.map(bytesOf)), { feedId, applied, isTakenBack });
    for (const key of sent.keys()) refused.delete(key);
    for (const refusal of reply) {
      const key = keyOf(refusal);
      refused.set(key, refusal);
      const record = sent.get(key);
      if (record !== undefined && again.size < TRIED_AGAIN_MAX) again.set(key, record);
    }
    pieces += 1;
    piece = [];
    bytes = 0;
    afterPiece([...refused.values()]);
  }

  async function add(record: Pushable): Promise<void> {
    const size = bytesOf(record).length;
    if (bytes > 0 && bytes + size > PIECE_BYTES_MAX) await send(from);
    piece.push(record);
    bytes += size;
  }

  for await (const record of records) if (pushedKinds.has(headOf(record).kind)) await add(record);
  await send(to);
  if (pieces === 1 || again.size === 0) return [...refused.values()];
  for (const record of [...again.values()]) await add(record);
  await send(to);
  return [...refused.values()];
}

function headOf(record: Pushable): Omit<FeedRecord, "body"> {
  return "type" in record ? record.record : record;
}

function bytesOf(record: Pushable): Buffer {
  if (!("type" in record)) return Buffer.from(frame(record));
  return Buffer.concat([Buffer.from(record.line), record.body, Buffer.from("\n")]);
}
