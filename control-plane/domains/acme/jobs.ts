// What recurs: orders themselves are rows, which the runner looks after (runner.ts).
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** Scheduled: certificates whose time has come get an order. */
export const renewDue = defineJob({ name: "acme.due", payload: z.object({}), attempts: 1 });

/** Scheduled: authorities are asked when they want to be asked for the next certificate (RFC 9773). */
export const askRenewalInfo = defineJob({ name: "acme.renewal-info", payload: z.object({}), attempts: 1 });

/** Scheduled: what ended long ago goes. */
export const forgetOrders = defineJob({ name: "acme.forget", payload: z.object({}), attempts: 1 });
