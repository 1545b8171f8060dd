// Distributions: a domain in front of an origin, with its settings and all that it owns. The only door of this domain.
export { redeployServed } from "./certificate-change.ts";
export {
  type DomainRecord,
  findClaim,
  findClaimsOn,
  findForeignClaim,
  findNameSharers,
  findWildcardClaims,
  type HeldClaim,
  lockClaimsOn,
  updateClaim,
} from "./claim-store.ts";
export { moveClaim, recordValidation } from "./claims.ts";
export { cutOffHandler, setCutOff } from "./cut-off.ts";
export { recordDeployment } from "./deployed.ts";
export { type DesiredState, findDesiredDistribution } from "./desired.ts";
export { groupPlacementHandler } from "./group-placement.ts";
export { groupVacatedHandler } from "./group-vacated.ts";
export { distributionChanged, domainClaimed } from "./jobs.ts";
export { originRoutes } from "./origin-routes.ts";
export { createOriginService, type OriginService } from "./origin-service.ts";
export { getLivingDistribution, getOwnDistribution } from "./owned.ts";
export { policyChangeHandler } from "./policy-change.ts";
export { distributionDeleted, unknownDistribution } from "./problems.ts";
export { createDistributionReads } from "./reads.ts";
export { distributionRoutes } from "./routes.ts";
export { ruleRoutes } from "./rule-routes.ts";
export { createRuleService } from "./rule-service.ts";
export { canonicalDomain } from "./rules.ts";
export { createDistributionInput, distributionParams } from "./schema.ts";
export { createDistributionService, type DistributionService } from "./service.ts";
export {
  countDistributionsOfGroup,
  countDistributionsOfPolicy,
  type DistributionRecord,
  findDistributionIds,
  findDistributionsByHost,
  findOwners,
  findSourceVersion,
  findTargetOwners,
} from "./store.ts";
export { versionRoutes } from "./version-routes.ts";
export { createVersionService } from "./version-service.ts";
export { findVersionNumber } from "./version-store.ts";
export type { UntilDeployed } from "./wait.ts";
