// The query of an agent.
import { z } from "zod";

const WAIT_MAX_S = 60;

export const changesQuery = z.object({
  feed_id: z.uuid(),
  since: z.coerce.number().int().min(0),
  wait: z.coerce.number().int().min(0).max(WAIT_MAX_S).default(0),
});
