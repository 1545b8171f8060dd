// People as the platform's operators see them, on the wire.
import { z } from "zod";
import { accountRoles, platformRoles } from "../../../http/caller.ts";
import { givenId } from "../../../http/given-id.ts";
import { lineOfText } from "../../../http/plain-text.ts";
import { aUser, userReply } from "../schema.ts";

const REASON_LENGTH_MAX = 500;
const SEARCH_LENGTH_MAX = 254;

const notSuspended = { suspended_at: null, suspension_reason: null };

const platformRole = z.enum(platformRoles);

export const userListQuery = {
  platform_role: platformRole.optional(),
  status: z.enum(["active", "suspended"]).optional(),
  search: lineOfText(SEARCH_LENGTH_MAX)
    .optional()
    .meta({ description: "The beginning of the user name or the e-mail address." }),
};

export const listedUserReply = userReply
  .extend({ suspended_at: z.string().nullable(), suspension_reason: z.string().nullable() })
  .meta({ id: "UserOfPlatform", examples: [{ ...aUser, ...notSuspended }] });

export const userDetailsReply = listedUserReply
  .extend({
    accounts: z
      .array(z.object({ id: z.uuid(), name: z.string(), role: z.enum(accountRoles) }))
      .meta({ description: "Where they belong: the latest hundred." }),
  })
  .meta({
    id: "UserDetails",
    examples: [
      {
        ...aUser,
        ...notSuspended,
        accounts: [{ id: "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11", name: "Example Media", role: "owner" }],
      },
    ],
  });
export type UserDetailsReply = z.input<typeof userDetailsReply>;

export const patchUserInput = z
  .strictObject({ platform_role: platformRole })
  .partial()
  .meta({ id: "UserPatch", examples: [{ platform_role: "moderator" }] });
export type PatchUserInput = z.output<typeof patchUserInput>;

export const suspensionInput = z
  .strictObject({
    reason: lineOfText(REASON_LENGTH_MAX).nullable().default(null).meta({ description: "The person reads it." }),
  })
  .meta({ id: "Suspension", examples: [{ reason: "Your invoices are overdue." }] });
export type SuspensionInput = z.output<typeof suspensionInput>;

export const userParams = z.object({ id: givenId });
