// Accounts, which own everything, and who belongs to them. The only door of this domain.
export { createInvitationService, type InvitationService } from "./invitation-service.ts";
export { invitationPage, roleWords } from "./letters.ts";
export { createMemberService } from "./member-service.ts";
export { createMemberships, type KnownMembership, type Memberships } from "./memberships.ts";
export { findAccountsOfUser, findReadersOfLetters, type ReaderOfLetters } from "./read-model.ts";
export { accountRoutes } from "./routes.ts";
export { accountReply } from "./schema.ts";
export { accountToReply, assertAccountLives, createAccount, createAccountService } from "./service.ts";
export {
  type AccountRecord,
  findAccount,
  findMembership,
  isCutOff,
  lockAccount,
  MEMBERSHIPS,
  type MembershipRecord,
  updateCutOff,
} from "./store.ts";
