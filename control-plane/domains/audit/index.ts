// Who changed what: written in the transaction of the change, never altered. The only door of this domain.
export { auditRoutes } from "./routes.ts";
export { type Difference, differences } from "./rules.ts";
export { type Deed, recordAudit } from "./service.ts";
