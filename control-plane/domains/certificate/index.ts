// Certificates: wishes with their newest result, uploaded or issued. Keys are secrets that nobody reads back. The only door
// of this domain; authorities are asked by acme, edges are told by deployment.
export { attachmentFault, createAutomatic, discardAutomatic } from "./attached.ts";
export {
  type ExpiringOfAccount,
  expiryHandlers,
  expirySchedules,
  findExpiringOf,
  warnProgramsAlone,
} from "./expiry.ts";
export {
  recordIssueFailure,
  recordIssueWait,
  setRenewAt,
  storeIssued,
} from "./issuance.ts";
export { certificateChanged, certificateUnwanted, certificateWanted, type Revocation } from "./jobs.ts";
export { covers, delegationTarget, platformCertificateNames } from "./names.ts";
export { ensurePlatformCertificate } from "./platform.ts";
export { certificateRoutes } from "./routes.ts";
export {
  compileServed,
  findServed,
  findServedPlatform,
  type ServedCertificate,
} from "./served.ts";
export { createCertificateService } from "./service.ts";
export {
  type CertificateRecord,
  type CertificateSummary,
  findCertificate,
  findDueForRenewal,
  findPlatformCertificates,
  findSummaries,
  findWildcardAccount,
} from "./store.ts";
