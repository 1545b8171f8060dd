// Lists of the most of something as they are asked for and answered over HTTP.
import { z } from "zod";
import { givenId } from "../../../http/given-id.ts";
import { ROUNDED, wholeNumber } from "../../../http/whole-number.ts";
import { errorMakers, errorStatuses } from "./errors-store.ts";
import { ENTRIES_MAX, topOrders, topSubjects } from "./top.ts";

const timeInput = z.iso
  .datetime({ offset: true, error: "must be a time such as 2026-05-01T00:00:00Z." })
  .transform((text) => new Date(text));

const ofPeriod = {
  distribution_id: givenId.optional().meta({ description: "Default: all of the account's." }),
  from: timeInput
    .optional()
    .meta({ description: "Inclusive. Default: 24 hours before `to`, at the beginning of an hour." }),
  to: timeInput.optional().meta({ description: "Exclusive. Default: now." }),
};

const entriesLimit = z.coerce
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

export const topReply = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    by: z.enum(topSubjects),
    order_by: z.enum(topOrders),
    total: z
      .object({ requests: wholeNumber, bytes: wholeNumber })
      .meta({ description: `Of all values, in the list or not. ${ROUNDED}` }),
    missing_requests_max: wholeNumber.meta({
      description:
        "0: every value was counted. Else, of the URLs of a whole account: one that is missing has at most so many requests more than the last of the list. The numbers of those that are listed are exact.",
    }),
    data: z.array(
      z.object({
        value: z.string().meta({ description: "Empty where there was none, such as no referrer." }),
        requests: wholeNumber,
        bytes: wholeNumber.meta({ description: `Sent to viewers. ${ROUNDED}` }),
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
        missing_requests_max: 0,
        data: [{ value: "www.example.com/index.html", requests: 12052, bytes: 301300000, share: 0.249989 }],
      },
    ],
  });

export const errorsQuery = z.object({
  status: z
    .union([z.enum(errorStatuses), z.coerce.number().int().min(400).max(599)], {
      error: "must be 4xx, 5xx, or a status from 400 to 599.",
    })
    .optional()
    .meta({ description: "4xx, 5xx, or a single status. Default: all errors." }),
  limit: entriesLimit,
  ...ofPeriod,
});
export type ErrorsQuery = z.output<typeof errorsQuery>;

export const errorsReply = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    data: z.array(
      z.object({
        status: z.int(),
        url: z.string(),
        distribution_id: z.uuid(),
        cache_status: z.string(),
        made_by: z.enum(errorMakers).meta({
          description:
            "`origin`: the origin answered so, now or when it was cached. `unreachable`: no answer came from the origin. `edge`: a rule, a limit or a setting of yours made the edge answer so.",
        }),
        requests: wholeNumber,
        first_seen: z.iso.datetime().meta({ description: "Within the period." }),
        last_seen: z.iso.datetime(),
        request_ids: z.array(z.string()).meta({ description: "Of some of them, as the viewers got X-Request-Id." }),
      }),
    ),
  })
  .meta({
    id: "ErrorReport",
    examples: [
      {
        from: "2026-05-01T00:00:00.000Z",
        to: "2026-05-02T00:00:00.000Z",
        data: [
          {
            status: 502,
            url: "www.example.com/api/cart",
            distribution_id: "0b9a5f7e-3c1d-4b8a-9c55-0f6d1f0a7b11",
            cache_status: "MISS",
            made_by: "unreachable",
            requests: 214,
            first_seen: "2026-05-01T03:12:44.120Z",
            last_seen: "2026-05-01T03:19:02.871Z",
            request_ids: ["5f2c1a9be0d84c7f9a3e6b1d2c4f8a07"],
          },
        ],
      },
    ],
  });
