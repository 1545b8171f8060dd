// Certificates: wishes with their newest result, uploaded or issued. Keys are secrets that nobody reads back. The only door
// of this domain; authorities are asked by acme, edges are told by deployment.
export {
  type Issued,
  PLATFORM_ACCOUNT,
  recordIssueFailure,
  recordIssueWait,
  setRenewAt,
  storeIssued,
} from "./issuance.ts";
export { certificateChanged, certificateUnwanted, certificateWanted, type Revocation } from "./jobs.ts";
export { covers, delegationTarget, platformCertificateNames } from "./names.ts";
export { ensurePlatformCertificate } from "./platform.ts";
export {
  type CertificateRecord,
  type CertificateStatus,
  findCertificate,
  findCertificates,
  findDueForRenewal,
  lockCertificate,
} from "./store.ts";
