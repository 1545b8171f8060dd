// Lists of the most of something as they are asked for and answered over HTTP.
import { z } from "zod";
import { givenId } from "../../../http/given-id.ts";
import { ENTRIES_MAX, topOrders, topSubjects } from "./top.ts";

const timeInput = z.iso
  .datetime({ offset: true, error: "must be a time such as 2026-05-01T00:00:00Z." })
  .transform((text) => new Date(text));

export const ofPeriod = {
  distribution_id: givenId.optional().meta({ description: "Default: all of the account's." }),
  from: timeInput
    .optional()
    .meta({ description: "Inclusive. Default: 24 hours before `to`, at the beginning of an hour." }),
  to: timeInput.optional().meta({ description: "Exclusive. Default: now." }),
};

export const entriesLimit = z.coerce
  .number()
  .int()
  .min(1)
  .max(ENTRIES_MAX)
  .default(10)
  .meta({ description: "How many entries at most." });

export const topQuery = z.object({
  by: z.enum(topSubjects).meta({ description: "What the values are. `error`: status and URL of answers from 400 on." }),
  order_by: z.enum(topOrders).default("requests"),
  limit: entriesLimit,
  ...ofPeriod,
});
export type TopQuery = z.output<typeof topQuery>;

const count = z.int().min(0);

export const topReply = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    by: z.enum(topSubjects),
    order_by: z.enum(topOrders),
    total: z.object({ requests: count, bytes: count }).meta({ description: "Of all values, in the list or not." }),
    data: z.array(
      z.object({
        value: z.string().meta({ description: "Empty where there was none, such as no referrer." }),
        requests: count,
        bytes: count.meta({ description: "Sent to viewers." }),
        share: z.number().min(0).max(1).meta({ description: "Of the total, by what the list is ordered." }),
      }),
    ),
  })
  .meta({
    id: "TopReport",
    examples: [
      {
        from: "2026-05-01T00:00:00.000Z",
        to: "2026-05-02T00:00:00.000Z",
        by: "url",
        order_by: "requests",
        total: { requests: 48210, bytes: 9120448312 },
        data: [{ value: "www.example.com/index.html", requests: 12052, bytes: 301300000, share: 0.249989 }],
      },
    ],
  });
