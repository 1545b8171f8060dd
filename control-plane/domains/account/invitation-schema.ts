// Invitations, on the wire.
import { z } from "zod";
import { emailAddress } from "../../http/email-address.ts";
import { givenId } from "../../http/given-id.ts";
import { roleSchema } from "./schema.ts";

const invitationStatuses = ["pending", "accepted", "declined", "revoked", "expired"] as const;
export type InvitationStatus = (typeof invitationStatuses)[number];
export const invitationStatusSchema = z.enum(invitationStatuses);

export const invitationInput = z
  .strictObject({
    email: emailAddress,
    role: roleSchema,
  })
  .meta({ id: "InvitationInput", examples: [{ email: "grace@example.com", role: "editor" }] });
export type InvitationInput = z.output<typeof invitationInput>;

export const invitationReply = z
  .object({
    id: z.uuid(),
    email: z.string(),
    role: roleSchema,
    status: invitationStatusSchema,
    invited_by: z.uuid().meta({ description: "The member who sent it." }),
    created_at: z.string(),
    mailed_at: z.string().meta({ description: "When it was mailed last." }),
    expires_at: z.string(),
    ended_at: z.string().nullable(),
  })
  .meta({
    id: "Invitation",
    examples: [
      {
        id: "5b0d5c7a-7a4e-4a40-8c0c-3f1f2f1b9a63",
        email: "grace@example.com",
        role: "editor",
        status: "pending",
        invited_by: "0b9a5f7e-3c1d-4b8a-9c55-0f6d1f0a7b11",
        created_at: "2026-03-01T12:00:00.000Z",
        mailed_at: "2026-03-01T12:00:00.000Z",
        expires_at: "2026-03-08T12:00:00.000Z",
        ended_at: null,
      },
    ],
  });

export const invitationParams = z.object({ id: givenId });

export const invitationTokenInput = z
  .strictObject({
    token: z.string().min(1).max(200).meta({ description: "From the link of the mail." }),
  })
  .meta({ id: "InvitationToken", examples: [{ token: "p0K2m8Xo1d9xA3yq7VbW5cZf4hLrTnGsUe6jQkMiDwE" }] });
