// Edge groups and their nodes: enrolment, identity, what they can do and what they last said. The only door of this
// domain; what they are to run is the deployment domain's.
export { createEdgeAuthenticator } from "./authenticator.ts";
export { createEdgeAuthority } from "./authority.ts";
export { edgeGroupRoutes } from "./group-routes.ts";
export { servingGroups } from "./group-rules.ts";
export { createEdgeGroupService, type EdgeGroupService } from "./group-service.ts";
export { type EdgeGroupRecord, findGroup, findGroups, findSamples, holdGroups } from "./group-store.ts";
export { EDGES } from "./identity-store.ts";
export { edgeGroupChanged, edgeGroupPlaced, edgeGroupVacated, edgeKeysChanged, edgeNodeChanged } from "./jobs.ts";
export { listLogsBehind } from "./log-store.ts";
export { edgeNodeRoutes } from "./routes.ts";
export { seenSince } from "./rules.ts";
export { createEdgeNodeService, type EdgeNodeService, gainCapabilities, recordReport } from "./service.ts";
export { type AssertEnrolled, createStillEnrolled } from "./still-enrolled.ts";
export {
  countNodes,
  type EdgeNodeRecord,
  findNode,
  findNodeIds,
  findNodeKeys,
  findNodesOfGroup,
  findProgress,
  findRefusingNodes,
  findStructureRefusers,
  type GroupProgress,
  hasReportedSince,
} from "./store.ts";
