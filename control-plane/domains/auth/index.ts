// Who somebody is: users, passwords, tokens. The only door of this domain.
export { createAuthenticators } from "./authenticator.ts";
export { authRoutes } from "./routes.ts";
export { createAuthService } from "./service.ts";
export { createSigningKeys, rotateSigningKeys } from "./signing-keys.ts";
export { createTokens } from "./token.ts";
