// Providers and their links, on the wire.
import { z } from "zod";
import { pageQuery } from "../../database/paging.ts";
import { givenId } from "../../http/given-id.ts";
import { providerNames } from "./statistics.ts";

const URL_LENGTH_MAX = 500;
const PATH_LENGTH_MAX = 300;
const RESOURCE_LENGTH_MAX = 253;

const names = ["gotipath", ...providerNames] as const;

const url = z.string().max(URL_LENGTH_MAX, { error: `must have at most ${URL_LENGTH_MAX} characters.` });
const path = z
  .string()
  .max(PATH_LENGTH_MAX, { error: `must have at most ${PATH_LENGTH_MAX} characters.` })
  .regex(/^\/(?!\/)[A-Za-z0-9_.~{}/-]*$/, { error: "must be a path such as /v1.1/report/volume." });
/** Goes into headers. */
const secret = z.string().regex(/^[\x21-\x7e]{1,500}$/, {
  error: "must have 1 to 500 visible ASCII characters, without blanks.",
});

const example = {
  name: "tm_swift" as const,
  is_configured: true,
  is_enabled: true,
  base_url: "https://base-api.swiftfederation.com",
  delivery_url: "https://cdn-api.swiftfederation.com",
  customer_id: "16939",
  paths: { volume: "/v1.1/report/volume" },
  is_healthy: true,
  checked_at: "2026-03-01T12:00:00.000Z",
  error: null,
  statistics_synced_at: "2026-03-01T12:00:00.000Z",
  statistics_error: null,
  updated_at: "2026-03-01T09:30:00.000Z",
};

export const providerInput = z
  .strictObject({
    is_enabled: z.boolean().default(true),
    api_token: secret.optional().meta({ description: "gcore: the permanent API token. Never read back." }),
    key_id: secret.optional().meta({ description: "tm_swift: the access key's id." }),
    key_secret: secret.optional().meta({ description: "tm_swift: the access key's secret. Never read back." }),
    customer_id: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must be the customer's id, such as 16939." })
      .optional()
      .meta({ description: "tm_swift: who we are there." }),
    base_url: url.optional().meta({ description: "Where it is asked, when it is not where it says that it is." }),
    delivery_url: url
      .optional()
      .meta({ description: "tm_swift: where its delivery API is, which has the statistics." }),
    paths: z.record(z.string().max(50), path).optional().meta({
      description:
        "Paths that are not as documented, by name: gcore has statistics, check; tm_swift volume, hit_volume, hit_requests, origin_codes, check.",
    }),
  })
  .meta({
    id: "ProviderInput",
    examples: [{ key_id: "6vE59B1z4p174N25", key_secret: "28G5nC2zw143m25026n9H11PwNYs4576", customer_id: "16939" }],
  });
export type ProviderInput = z.output<typeof providerInput>;

export const providerReply = z
  .object({
    name: z.enum(names).meta({ description: "`gotipath`: our own edges." }),
    is_configured: z.boolean(),
    is_enabled: z.boolean(),
    base_url: z.string().nullable(),
    delivery_url: z.string().nullable(),
    customer_id: z.string().nullable(),
    paths: z.record(z.string(), z.string()),
    is_healthy: z.boolean().nullable().meta({ description: "null: nobody has looked since it was changed." }),
    checked_at: z.iso.datetime().nullable(),
    error: z.string().nullable().meta({ description: "In words, why it is not healthy." }),
    statistics_synced_at: z.iso.datetime().nullable(),
    statistics_error: z
      .string()
      .nullable()
      .meta({ description: "In words, what could not be taken over the last time." }),
    updated_at: z.iso.datetime().nullable(),
  })
  .meta({ id: "Provider", examples: [example] });
export type ProviderReply = z.input<typeof providerReply>;

export const providerParams = z.object({ name: z.enum(names) });
export const foreignProviderParams = z.object({
  name: z.enum(providerNames, { error: "must be gcore or tm_swift: our own edges (gotipath) take no credentials." }),
});

const resource = z
  .string()
  .min(1)
  .max(RESOURCE_LENGTH_MAX)
  .regex(/^[A-Za-z0-9._*-]+$/, { error: "must be as the provider calls it: an id (gcore), or a domain (tm_swift)." })
  .toLowerCase();

export const linkParams = z.object({ ...foreignProviderParams.shape, resource });

export const linkQuery = z.object({
  ...pageQuery,
  resource: resource.optional(),
  distribution_id: givenId.optional(),
});

const exampleLink = {
  id: "0f9b9c1a-3f6e-4b53-9a41-0c9d2f7e5a10",
  provider: "gcore" as const,
  resource: "695503",
  distribution_id: "5b0a3f1e-7f0e-4c52-9f7e-2d9f3c1a6b77",
  account_id: "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
  since: "2026-03-01T12:00:00.000Z",
  until: null,
  synced_until: "2026-03-08T09:15:00.000Z",
  error: null,
  created_at: "2026-03-01T12:01:10.000Z",
};

export const linkInput = z
  .strictObject({
    distribution_id: givenId,
    since: z.iso
      .datetime()
      .transform((text) => new Date(text))
      .optional()
      .meta({
        description: "From when on its traffic is the distribution's: up to 60 days ago. Now, if it is not said.",
      }),
  })
  .meta({ id: "ProviderLinkInput", examples: [{ distribution_id: exampleLink.distribution_id }] });
export type LinkInput = z.output<typeof linkInput>;

export const linkReply = z
  .object({
    id: z.uuid(),
    provider: z.enum(providerNames),
    resource: z.string(),
    distribution_id: z.uuid(),
    account_id: z.uuid(),
    since: z.iso.datetime(),
    until: z.iso.datetime().nullable().meta({ description: "null: until further notice." }),
    synced_until: z.iso.datetime().nullable().meta({ description: "Up to here its statistics were taken over." }),
    error: z.string().nullable().meta({ description: "In words, why the last synchronisation left it out." }),
    created_at: z.iso.datetime(),
  })
  .meta({ id: "ProviderLink", examples: [exampleLink] });
export type LinkReply = z.input<typeof linkReply>;
