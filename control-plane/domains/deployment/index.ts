// From desired state to what edges run: the compiler's jobs, the feed, its gateway, reports. The only door of this domain.
export { announceOver, listenForChanges } from "./channel.ts";
export { openFeed } from "./feed.ts";
export { findFeedKeys } from "./feed-store.ts";
export { type FeedGateway, startFeedGateway } from "./gateway.ts";
export { deploymentHandlers, deploymentSchedules } from "./handlers.ts";
export { explainDeployment, type HostExplanation } from "./read-model.ts";
export { createReportService } from "./report.ts";
export { deploymentRoutes } from "./routes.ts";
export { createFeedSigner } from "./signer.ts";
export { createSnapshotReader } from "./snapshot.ts";
