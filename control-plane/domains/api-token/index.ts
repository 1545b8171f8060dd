// Tokens that programs act by. The only door of this domain.
export { acceptApiTokens } from "./authenticator.ts";
export { type LastUse, recordLastUse } from "./last-use.ts";
export { createTokenReads } from "./reads.ts";
export { apiTokenRoutes } from "./routes.ts";
export { createApiTokenService } from "./service.ts";
export { API_TOKENS } from "./store.ts";
