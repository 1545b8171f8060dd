// The audit log, on the wire.
import { z } from "zod";
import { pageQuery } from "../../database/paging.ts";
import { givenId } from "../../http/given-id.ts";

const RESOURCE_ID_LENGTH_MAX = 200;
const NAME = /^[a-z0-9_.-]{1,100}$/;

const time = z.iso.datetime({ offset: true, error: "must be a time such as 2027-01-31T12:00:00Z." });

export const auditQuery = z.object({
  ...pageQuery,
  action: z
    .string()
    .regex(NAME, { error: "must be the beginning of an action, such as distribution or distribution.update." })
    .optional()
    .meta({ description: "The whole action, or its beginning." }),
  resource_type: z.string().regex(NAME, { error: "must be a type, such as distribution." }).optional(),
  resource_id: z
    .string()
    .min(1)
    .max(RESOURCE_ID_LENGTH_MAX)
    .regex(/^[\x20-\x7e]*$/, { error: "must be an id." })
    .optional(),
  user_id: givenId.optional(),
  api_token_id: givenId.optional(),
  from: time.optional().meta({ description: "Not before." }),
  to: time.optional().meta({ description: "Before." }),
});

export const platformAuditQuery = auditQuery.extend({ account_id: givenId.optional() });
export type AuditFilter = Omit<z.output<typeof platformAuditQuery>, keyof typeof pageQuery>;

const difference = z.object({
  pointer: z.string().meta({
    description: "RFC 6901. Members of a list are named by their ids where they have one, and its order by `-`.",
  }),
  before: z.unknown().optional().meta({ description: "Absent: it was added." }),
  after: z.unknown().optional().meta({ description: "Absent: it was removed." }),
});

export const auditEntryReply = z
  .object({
    id: z.uuid(),
    created_at: z.string(),
    action: z.string().meta({ description: "`noun.verb`." }),
    account_id: z.uuid().nullable().meta({ description: "Null: it concerns the platform, or a user alone." }),
    resource_type: z.string(),
    resource_id: z.string(),
    user_id: z.uuid().nullable().meta({ description: "Null: the platform did it by itself." }),
    username: z.string().nullable(),
    api_token_id: z.uuid().nullable().meta({ description: "When a program acted for the user." }),
    api_token_name: z.string().nullable(),
    request_id: z.string().nullable(),
    client_address: z.string().nullable(),
    changes: z.array(difference),
  })
  .meta({
    id: "AuditEntry",
    examples: [
      {
        id: "b2a7a1b4-8f0c-4b64-9a0c-52f6f34d1d10",
        created_at: "2026-03-01T12:00:00.000Z",
        action: "distribution.update",
        account_id: "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11",
        resource_type: "distribution",
        resource_id: "0b9a5f7e-3c1d-4b8a-9c55-0f6d1f0a7b11",
        user_id: "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
        username: "grace",
        api_token_id: "0d5f3a52-8a53-4b1f-9f0c-6a4c0f0a8f10",
        api_token_name: "Deploys from CI",
        request_id: "7c1f5d0e-6f6e-4c39-8a31-0d6a3b1f2c44",
        client_address: "192.0.2.7",
        changes: [{ pointer: "/label", before: "Shop", after: "Web shop" }],
      },
    ],
  });
