// Every route of this domain, theme by theme.
import type { Route } from "../../http/define-route.ts";
import { emailRoutes } from "./email/routes.ts";
import { ethereumRoutes } from "./ethereum/routes.ts";
import { identityRoutes } from "./identity/routes.ts";
import { logInRoutes } from "./log-in/routes.ts";
import { openidRoutes } from "./openid/routes.ts";
import { passwordRoutes } from "./password/routes.ts";
import { profileRoutes } from "./profile/routes.ts";
import type { AuthService } from "./service.ts";
import { sessionRoutes } from "./session/routes.ts";
import { totpRoutes } from "./totp/routes.ts";

export function authRoutes(auth: AuthService): Route[] {
  return [
    ...logInRoutes(auth),
    ...sessionRoutes(auth.sessions),
    ...profileRoutes(auth),
    ...passwordRoutes(auth),
    ...emailRoutes(auth),
    ...totpRoutes(auth),
    ...identityRoutes(auth),
    ...ethereumRoutes(auth),
    ...openidRoutes(auth),
  ];
}
