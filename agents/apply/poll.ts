// Asks for what changed and does not believe what cannot be: revisions that fall back, another feed's records.
import type { ChangesReply } from "../contract.ts";
import type { ChangesAnswer, ControlPlane } from "../control-plane-client.ts";

/** The control plane said something that the protocol does not allow. */
class ProtocolFault extends Error {
  override readonly name = "ProtocolFault";
}

const WAIT_SECONDS = 25;

export interface Since {
  readonly feedId: string;
  readonly rev: number;
  /** More was announced: do not wait for it. */
  readonly atOnce: boolean;
}

export async function poll(
  controlPlane: ControlPlane,
  { feedId, rev, atOnce }: Since,
  signal: AbortSignal,
): Promise<ChangesAnswer> {
  const answer = await controlPlane.changes({ feedId, rev, waitSeconds: atOnce ? 0 : WAIT_SECONDS }, signal);
  if (answer.kind === "changes") assertFollows(answer.reply, { feedId, rev });
  return answer;
}

function assertFollows(reply: ChangesReply, since: { feedId: string; rev: number }): void {
  if (reply.feed_id !== since.feedId) throw new ProtocolFault("changes of another feed");
  if (reply.from !== since.rev) throw new ProtocolFault(`changes since ${reply.from}, not since ${since.rev}`);
  let last = reply.from;
  for (const { rev } of reply.records) {
    if (rev <= last) throw new ProtocolFault(`revision ${rev} comes after ${last}`);
    last = rev;
  }
  if (reply.to < last) throw new ProtocolFault(`a page to ${reply.to} with revision ${last}`);
}
