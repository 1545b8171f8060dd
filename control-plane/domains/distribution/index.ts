// Distributions: a domain in front of an origin, with its settings. The only door of this domain.
export { type DesiredState, findDesiredDistribution } from "./desired.ts";
export { distributionChanged } from "./jobs.ts";
export { unknownDistribution } from "./problems.ts";
export { distributionToReply } from "./reply.ts";
export { distributionRoutes } from "./routes.ts";
export { createDistributionInput, distributionParams } from "./schema.ts";
export {
  createDistributionService,
  type DistributionService,
  recordDeployment,
} from "./service.ts";
export { type DistributionRecord, findDistributionIds, findDistributionsByHost } from "./store.ts";
