// What can go wrong with accounts, their members and invitations.
import { defineProblem } from "../../../platform/problem.ts";

export const accountInUse = defineProblem("account-in-use", 409, "The account is still in use");
export const tooManyAccounts = defineProblem("too-many-accounts", 409, "You own as many accounts as one person may");
export const unknownMember = defineProblem("unknown-member", 404, "No such member");
export const lastOwner = defineProblem("last-owner", 409, "An account keeps at least one owner");
export const alreadyMember = defineProblem("already-member", 409, "Belongs to the account already");
export const alreadyInvited = defineProblem("already-invited", 409, "Has an invitation already");
export const unknownInvitation = defineProblem("unknown-invitation", 404, "No such invitation");
export const tooManyInvitations = defineProblem("too-many-invitations", 429, "Too many invitations");
