// What an agent asks of the feed over HTTP.
import { z } from "zod";
import { feedKeysReplySchema } from "../../../agents/contract.ts";

const WAIT_MAX_S = 60;

export const feedKeysReply = feedKeysReplySchema.meta({
  examples: [
    {
      feed_keys: [
        {
          id: "f0a1b2c3d4e5f607",
          public_key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
          endorsement: null,
        },
      ],
    },
  ],
});

export const changesQuery = z.object({
  feed_id: z.uuid(),
  since: z.coerce.number().int().min(0),
  wait: z.coerce.number().int().min(0).max(WAIT_MAX_S).default(0),
});
