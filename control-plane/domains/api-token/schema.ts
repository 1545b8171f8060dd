// API tokens, on the wire.
import { z } from "zod";
import { scopes } from "../../http/caller.ts";
import { givenId } from "../../http/given-id.ts";
import { lineOfText } from "../../http/plain-text.ts";

const NAME_LENGTH_MAX = 100;

const exampleToken = {
  id: "0d5f3a52-8a53-4b1f-9f0c-6a4c0f0a8f10",
  name: "Deploys from CI",
  scopes: ["distributions:read" as const, "distributions:write" as const],
  user_id: "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
  username: "grace",
  created_at: "2026-03-01T12:00:00.000Z",
  expires_at: "2026-06-01T12:00:00.000Z",
  last_used_at: null,
};

const scopeSchema = z.enum(scopes);

export const apiTokenInput = z
  .strictObject({
    name: lineOfText(NAME_LENGTH_MAX).meta({ description: "What it is for." }),
    scopes: z
      .array(scopeSchema)
      .min(1, { error: "must name at least one scope." })
      .max(scopes.length)
      .meta({ description: "It does no more than these, and no more than your role in the account allows." }),
    expires_at: z.iso
      .datetime({ offset: true, error: "must be a time such as 2027-01-31T12:00:00Z." })
      .nullable()
      .default(null)
      .meta({ description: "Without: it does not expire, unless the platform sets a maximum." }),
  })
  .meta({
    id: "ApiTokenInput",
    examples: [{ name: exampleToken.name, scopes: exampleToken.scopes, expires_at: exampleToken.expires_at }],
  });
export type ApiTokenInput = z.output<typeof apiTokenInput>;

export const apiTokenReply = z
  .object({
    id: z.uuid(),
    name: z.string(),
    scopes: z.array(scopeSchema),
    user_id: z.uuid().meta({ description: "Whose it is: it acts for this member." }),
    username: z.string(),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    last_used_at: z.string().nullable().meta({ description: "To the minute." }),
  })
  .meta({ id: "ApiToken", examples: [exampleToken] });

export const createdApiTokenReply = apiTokenReply
  .extend({ token: z.string().meta({ description: "Shown this once; send it as `Authorization: Bearer …`." }) })
  .meta({
    id: "CreatedApiToken",
    examples: [{ ...exampleToken, token: "ewt_9kTq2LxVb7Rz0NcYp4WmHs8GdJf3KaQe6UtXiBo1ZyEvC5rMlP2nD" }],
  });

export const apiTokenParams = z.object({ id: givenId });
