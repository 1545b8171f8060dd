// What can be wrong with webhooks, beside faults in single fields.
import { defineProblem } from "../../../platform/problem.ts";

export const unknownWebhook = defineProblem("unknown-webhook", 404, "There is no such webhook");
export const unknownDelivery = defineProblem("unknown-delivery", 404, "There is no such delivery");
export const tooManyWebhooks = defineProblem("too-many-webhooks", 409, "The account has too many webhooks");
export const tooManyTests = defineProblem("too-many-test-deliveries", 429, "Too many test deliveries");
