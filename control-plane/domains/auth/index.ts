// Who somebody is: users, passwords, tokens. The only door of this domain.
export { createAuthenticators } from "./authenticator.ts";
export { authHandlers, authSchedules } from "./handlers.ts";
export { callbackPath as openidCallbackPath } from "./openid/flow.ts";
export { createOpenIdIssuer } from "./openid/issuer.ts";
export { operatorRoutes } from "./operator/routes.ts";
export { createOperatorService } from "./operator/service.ts";
export { invitationPages } from "./pages/invitation.ts";
export { authPages } from "./pages/routes.ts";
export { authRoutes } from "./routes.ts";
export { type AuthService, createAuthService } from "./service.ts";
export { SESSIONS } from "./session/store.ts";
export { signingKeyHandlers, signingKeySchedules } from "./signing-key-jobs.ts";
export { createSigningKeys } from "./signing-keys.ts";
export { createTokens } from "./token.ts";
export { PEOPLE } from "./user/store.ts";
