// Accounts, which own everything, and who belongs to them. The only door of this domain.
export { accountReply } from "./schema.ts";
export { accountToReply, createAccount } from "./service.ts";
export { type AccountRecord, findMembership, type MembershipRecord } from "./store.ts";
