// What is done about providers by itself.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** An operator changed how it is asked: is it answered? */
export const checkProvider = defineJob({
  name: "provider.check",
  payload: z.object({ provider: z.enum(["gcore", "tm_swift"]) }),
  attempts: 3,
});

/** Scheduled: whether each provider that is configured answers. */
export const checkProviders = defineJob({ name: "provider.check-all", payload: z.object({}), attempts: 1 });

/** Scheduled: what providers say of their traffic. What one run does not get, the next one does. */
export const syncProviders = defineJob({ name: "provider.sync-all", payload: z.object({}), attempts: 1 });
