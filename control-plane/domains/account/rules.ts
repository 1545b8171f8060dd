// Who may do what to whom in an account. No input or output.
import { type AccountRole, accountRoles } from "../../http/caller.ts";

/** Owners make and unmake anybody; admins everybody but owners. */
export function mayManage(manager: AccountRole, role: AccountRole): boolean {
  return manager === "owner" || (manager === "admin" && role !== "owner");
}

/** The roles that somebody with this one may not hand out; of a viewer, as of a stranger: all. */
export function rolesOutOfReach(manager: AccountRole): readonly AccountRole[] {
  return accountRoles.filter((role) => !mayManage(manager, role));
}
