// A purge as a customer writes it and reads it.
import { z } from "zod";
import { pageQuery } from "../../database/paging.ts";
import { givenId } from "../../http/given-id.ts";

const URLS_MAX = 1_000;
const PREFIXES_MAX = 100;
const TAGS_MAX = 100;
const TARGET_LENGTH_MAX = 8_192;
const TAG_LENGTH_MAX = 256;

export const target = z
  .string()
  .min(1, { error: "must not be empty." })
  .max(TARGET_LENGTH_MAX, { error: `must have at most ${TARGET_LENGTH_MAX} characters.` });

/** What `Cache-Tag` (separated by commas) and `Surrogate-Key` (by blanks) can both carry. */
const tagName = z.string().regex(/^[\x21-\x2b\x2d-\x7e]{1,256}$/, {
  error: `must be 1–${TAG_LENGTH_MAX} visible ASCII characters without comma, as Cache-Tag and Surrogate-Key carry them.`,
});

function listOf<Item extends z.ZodType>(item: Item, max: number) {
  return z
    .array(item)
    .min(1, { error: "must not be empty." })
    .max(max, { error: `must hold at most ${max}.` });
}

export const createPurgeInput = z
  .strictObject({
    urls: listOf(target, URLS_MAX)
      .optional()
      .meta({
        description:
          "Whole URLs on hosts of the distribution, or from `/`. Without a query: the path with any query. A fragment is " +
          "dropped.",
      }),
    prefixes: listOf(target, PREFIXES_MAX)
      .optional()
      .meta({ description: "Paths from `/` to `/`: everything below them." }),
    tags: listOf(tagName, TAGS_MAX)
      .optional()
      .meta({ description: "What origins say in `Cache-Tag` or `Surrogate-Key`; upper and lower case differ." }),
    all: z.literal(true).optional().meta({ description: "Everything that is cached of the distribution." }),
  })
  .refine((input) => Object.values(input).filter((value) => value !== undefined).length === 1, {
    error: "must have exactly one of urls, prefixes, tags and all.",
  })
  .meta({
    id: "PurgeInput",
    minProperties: 1,
    maxProperties: 1,
    examples: [
      { urls: ["https://www.example.com/news?page=2", "/index.html"] },
      { prefixes: ["/pictures/"] },
      { tags: ["article-17"] },
      { all: true },
    ],
  });
export type CreatePurgeInput = z.output<typeof createPurgeInput>;

const statuses = ["pending", "purging", "done", "failed"] as const;
const status = z.enum(statuses).meta({
  description:
    "`pending`: not on its way yet. `purging`: some edge that answers does not have it yet. `done`: nothing older is served " +
    "by any of them; one that is away catches up before it serves. `failed`: an edge refused it.",
});

const time = z.iso.datetime();
const exampleTime = "2026-11-21T12:00:00.000Z";

const listed = {
  id: z.uuid(),
  distribution_id: z.uuid(),
  type: z.enum(["urls", "prefixes", "tags", "all"]),
  count: z.int().meta({ description: "How many urls, prefixes or tags; 1 for all." }),
  status,
  created_by: z.uuid().nullable().meta({ description: "Whose doing it was; null: the platform's." }),
  created_at: time,
  done_at: time.nullable().meta({ description: "When the last edge had it." }),
};

const exampleListed = {
  id: "7d2f4c1a-9b3e-4f60-8a15-c0d9e8f7a6b5",
  distribution_id: "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
  type: "urls",
  count: 2,
  status: "done",
  created_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
  created_at: exampleTime,
  done_at: exampleTime,
} as const;

export const listedPurgeReply = z.object(listed).meta({ id: "ListedPurge", examples: [exampleListed] });
export type ListedPurgeReply = z.input<typeof listedPurgeReply>;

export const purgeReply = z
  .object({
    ...listed,
    items: z.array(z.string()).meta({
      description: "What is purged as edges spell it: URLs without their host, prefixes or tags; empty for all.",
    }),
    providers: z.array(z.object({ name: z.enum(["gotipath", "gcore", "tm_swift"]), status })),
    edges: z.array(
      z.object({
        edge_id: z.uuid(),
        edge: z.string(),
        group_id: z.uuid(),
        group: z.string(),
        state: z
          .enum(["done", "waiting", "refused", "unseen"])
          .meta({ description: "`unseen`: no report for a minute; it holds nobody up." }),
        reason: z.string().nullable().meta({ description: "Why it was refused." }),
        since: time.meta({
          description: "Done: at the latest. Waiting: when it was told. Unseen: when it was last seen.",
        }),
      }),
    ),
  })
  .meta({
    id: "Purge",
    examples: [
      {
        ...exampleListed,
        items: ["/news?page=2", "/index.html"],
        providers: [{ name: "gotipath", status: "done" }],
        edges: [
          {
            edge_id: "6f1d8a52-7c39-4b0e-9a64-2f5e83c1d7b0",
            edge: "fra-1",
            group_id: "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
            group: "frankfurt",
            state: "done",
            reason: null,
            since: exampleTime,
          },
        ],
      },
    ],
  });
export type PurgeReply = z.input<typeof purgeReply>;

export const purgeParams = z.object({ id: givenId, purge_id: givenId });
export const listPurgesQuery = z.object({ ...pageQuery });
