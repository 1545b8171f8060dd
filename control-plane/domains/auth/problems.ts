// What can go wrong between a person and a session.
import { defineProblem } from "../../../platform/problem.ts";

export const identityTaken = defineProblem("identity-taken", 409, "Somebody has this name or address already");
export const loginRefused = defineProblem("login-refused", 401, "The log-in is not right");
export const passwordWrong = defineProblem("password-wrong", 403, "The password is not right");
export const recentLoginRequired = defineProblem("recent-login-required", 403, "Log in again for this");
export const passwordsBusy = defineProblem("passwords-busy", 503, "Too many people log in at once");
export const unknownSession = defineProblem("unknown-session", 404, "No such session");
export const linkExpired = defineProblem("link-expired", 410, "The link was used already, or is too old");
export const nothingToVerify = defineProblem("nothing-to-verify", 409, "There is no address to confirm");
export const totpRequired = defineProblem("totp-required", 401, "A code of your authenticator is needed");
export const totpRefused = defineProblem("totp-refused", 401, "The code is not right");
export const totpLocked = defineProblem("totp-locked", 429, "Too many codes were wrong");
export const totpAlreadyOn = defineProblem("totp-already-on", 409, "There is an authenticator already");
export const totpNotOn = defineProblem("totp-not-on", 409, "There is no authenticator");
export const codeWrong = defineProblem("code-wrong", 403, "The code is not right");
export const ethereumRefused = defineProblem("ethereum-refused", 401, "The wallet's word is not right");
export const unknownIdentity = defineProblem("unknown-identity", 404, "No such identity");
export const lastWayIn = defineProblem("last-way-in", 409, "It is the only way in");
export const tooManyIdentities = defineProblem("too-many-identities", 409, "There are too many identities");
export const openidOff = defineProblem("openid-off", 404, "No issuer is configured");
export const openidRefused = defineProblem("openid-refused", 401, "You could not be recognised");
export const addressUnconfirmed = defineProblem(
  "address-unconfirmed",
  409,
  "A user has your address and never confirmed it",
);
