// Edge groups and their nodes: enrolment, identity, what they can do and what they last said. The only door of this
// domain; what they are to run is the deployment domain's.
export { createEdgeAuthenticator } from "./authenticator.ts";
export { createEdgeAuthority } from "./authority.ts";
export { edgeGroupChanged, edgeKeysChanged } from "./jobs.ts";
export { edgeNodeRoutes } from "./routes.ts";
export { seenSince } from "./rules.ts";
export { createEdgeNodeService, type EdgeNodeService, recordReport } from "./service.ts";
export {
  type EdgeGroupRecord,
  type EdgeNodeRecord,
  findGroup,
  findGroups,
  findNodeKeys,
  findNodesOfGroup,
  findProgress,
  findRefusingNodes,
  type GroupProgress,
  hasReportedSince,
} from "./store.ts";
