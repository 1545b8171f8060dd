// An account as its members read it.
import { z } from "zod";

export const accountReply = z
  .object({ id: z.uuid(), name: z.string(), created_at: z.string() })
  .meta({ id: "Account" });
