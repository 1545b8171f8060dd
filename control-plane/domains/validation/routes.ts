// The validation of a distribution's domain over HTTP.
import { defineRoute, type Route } from "../../http/define-route.ts";
import { distributionDeleted, distributionParams, unknownDistribution } from "../distribution/index.ts";
import { validatedJustNow } from "./problems.ts";
import { validationReply } from "./schema.ts";
import type { ValidationService } from "./service.ts";

const tag = "Validation";

export function validationRoutes(validations: ValidationService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/distributions/{id}/validation",
      operationId: "getValidation",
      tag,
      summary: "Whether the domain leads here, what was found in DNS, and which records would mend it",
      access: { kind: "account", role: "viewer", scope: "distributions:read" },
      params: distributionParams,
      reply: { status: 200, body: validationReply },
      problems: [unknownDistribution, distributionDeleted],
      async handle({ params, caller }) {
        return { body: await validations.get(caller, params.id) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/distributions/{id}/validate",
      operationId: "validateDistribution",
      tag,
      summary: "Look at the domain's DNS now",
      access: { kind: "account", role: "editor", scope: "distributions:write" },
      params: distributionParams,
      reply: { status: 200, body: validationReply },
      problems: [unknownDistribution, distributionDeleted, validatedJustNow],
      // It asks the network, which no transaction waits for; a second look does no harm.
      idempotencyKey: false,
      async handle({ params, caller, facts }) {
        return { body: await validations.validate(caller, params.id, facts.signal) };
      },
    }),
  ];
}
