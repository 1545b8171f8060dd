// HTTP-01: what edges are to answer the authority with, as records in the feed of every group, since the authority may come to
// any of them.
import type { ChallengeBody } from "../../../agents/contract.ts";
import { inTransaction } from "../../database/transaction.ts";
import { findGroups, findProgress, seenSince } from "../edge-node/index.ts";
import {
  type AppendSettings,
  appendToGroups,
  type Candidate,
  candidate,
  findFeed,
  findRecordsById,
  openWriter,
  scopesOf,
} from "../feed/index.ts";
import type { ChallengeAnswer } from "./order-store.ts";
import { lookUntil } from "./patience.ts";

export type HttpAnswer = Extract<ChallengeAnswer, { method: "http-01" }>;

const PUT = { sourceVersion: 1, compilerVersion: 1 };
const TOMBSTONE = { sourceVersion: 2, compilerVersion: 1 };
/** Whoever has not applied it by then has died lately, and the authority will hardly come to it. */
const EDGES_PATIENCE = { firstMs: 30, longestMs: 500, totalMs: 15_000 };

export function publishInFeeds(settings: AppendSettings, answers: readonly HttpAnswer[]): Promise<void> {
  return append(
    settings,
    answers.map(({ recordId: id, token, proof }) => {
      const body: ChallengeBody = { format: 1, token, key_authorization: proof };
      return candidate({ kind: "challenge", id }, JSON.stringify(body), PUT);
    }),
  );
}

export function withdrawFromFeeds(settings: AppendSettings, answers: readonly HttpAnswer[]): Promise<void> {
  return append(
    settings,
    answers.map(({ recordId: id }) => candidate({ kind: "challenge", id }, "", TOMBSTONE)),
  );
}

async function append(settings: AppendSettings, candidates: readonly Candidate[]): Promise<void> {
  const { db, signer, clock, announce } = settings;
  if (candidates.length === 0) return;
  const groups = await inTransaction(db, async (tx) =>
    appendToGroups(tx, await openWriter(tx, { signer, now: clock() }), async () => candidates),
  );
  for (const scope of scopesOf(groups)) announce(scope);
}

/** To groups that were made since; nothing is locked where there is none. */
export async function publishInNewGroups(settings: AppendSettings, answers: readonly HttpAnswer[]): Promise<void> {
  const ids = answers.map(({ recordId }) => recordId);
  if (ids.length === 0) return;
  const records = await findRecordsById(settings.db, "challenge", ids);
  const groups = await findGroups(settings.db);
  const isNew = groups.some(({ id }) => records.filter(({ scope }) => scope === id).length < ids.length);
  if (isNew) await publishInFeeds(settings, answers);
}

/** Until every edge that was seen lately has them. False: some took too long. */
export async function edgesHave(
  settings: AppendSettings,
  answers: readonly HttpAnswer[],
  signal: AbortSignal,
): Promise<boolean> {
  const { db, clock } = settings;
  const ids = answers.map(({ recordId }) => recordId);
  if (ids.length === 0) return true;
  const isEverywhere = await lookUntil(EDGES_PATIENCE, signal, async () => {
    await publishInNewGroups(settings, answers);
    const feed = await findFeed(db);
    const records = await findRecordsById(db, "challenge", ids);
    const progress = await findProgress(db, { feedId: feed?.feed_id ?? "", seenSince: seenSince(clock()) });
    const isWaiting = records.some(({ scope, rev }) => {
      const group = progress.get(scope);
      return group !== undefined && group.live > 0 && group.applied < rev;
    });
    return isWaiting ? {} : { found: true };
  });
  return isEverywhere ?? false;
}
