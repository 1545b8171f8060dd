// Whether a claimed name leads here and whose it is by proof: looks at DNS and at the edges from outside, what follows for
// claims, and what would mend what is amiss. The only door of this domain.
export { validationHandlers, validationSchedules } from "./handlers.ts";
export { createLook } from "./look.ts";
export { createPrecheck } from "./precheck.ts";
export { validationRoutes } from "./routes.ts";
export { createValidationSecrets } from "./secrets.ts";
export { createValidationService } from "./service.ts";
