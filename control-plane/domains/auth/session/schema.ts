// Sessions on the wire.
import { z } from "zod";
import { pageSchema } from "../../../database/paging.ts";

const aSession = {
  id: "5c8f9f8e-92c9-4a5e-9f65-0f9f6f7f2d10",
  is_current: true,
  method: "password" as const,
  client_address: "192.0.2.1",
  user_agent: "curl/8.5.0",
  created_at: "2026-03-01T12:00:00.000Z",
  expires_at: "2026-03-02T12:00:00.000Z",
};

const sessionReply = z
  .object({
    id: z.uuid(),
    is_current: z.boolean().meta({ description: "The one of the token that asks." }),
    method: z
      .enum(["password", "ethereum", "openid", "command"])
      .meta({ description: "How the person proved who they are." }),
    client_address: z.string().nullable(),
    user_agent: z.string().nullable(),
    created_at: z.string(),
    expires_at: z.string(),
  })
  .meta({ id: "Session", examples: [aSession] });
export type SessionReply = z.input<typeof sessionReply>;

export const sessionPage = pageSchema(sessionReply).meta({ examples: [{ data: [aSession], next_cursor: null }] });
