// From desired state to what edges run: the compiler's jobs, reports, and how far each distribution got. The only door of
// this domain; the feed itself is another.
export { deploymentHandlers, deploymentSchedules } from "./handlers.ts";
export { compilerName } from "./newest-compiler.ts";
export { explainDeployment, type HostExplanation } from "./read-model.ts";
export { createEdgeReportService } from "./report.ts";
export { createRolloutService } from "./rollout.ts";
export { rolloutRoutes } from "./rollout-routes.ts";
export { deploymentRoutes } from "./routes.ts";
export { findEverCarried } from "./store.ts";
export { waitForDeployments } from "./wait.ts";
