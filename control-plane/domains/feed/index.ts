// The feed: what every edge of a group is to run, numbered, signed and handed out. The only door of this domain.
export {
  type AppendResult,
  appendRecords,
  BATCH_MAX,
  type Candidate,
  candidate,
  type FeedWriter,
  keyOf,
} from "./append.ts";
export {
  type AppendSettings,
  appendToCarriers,
  appendToGroups,
  type GroupAppend,
  openScope,
  openWriter,
  scopesOf,
} from "./broadcast.ts";
export { announceOver, listenForChanges } from "./channel.ts";
export { createCheckpointWriter } from "./checkpoint.ts";
export { createSharedMemory } from "./claim-memory.ts";
export { createFeedRebuild, openFeed } from "./feed.ts";
export { type FeedGateway, startFeedGateway } from "./gateway.ts";
export { compilerChanged, feedRestored, rebuildFeed, recompileDistributions, writeCheckpoints } from "./jobs.ts";
export { feedRoutes } from "./routes.ts";
export { createFeedSigner, type FeedSigner } from "./signer.ts";
export { createSnapshotReader } from "./snapshot.ts";
export {
  findFeed,
  findFeedKeys,
  findPassed,
  findRecordHeads,
  findRecordsById,
  findScope,
  holdFeed,
  lockScope,
  type RecordRow,
} from "./store.ts";
export { replaceUses, type Use } from "./uses.ts";
export { appendAllWaiting, lockWaitingOf } from "./waiting.ts";
