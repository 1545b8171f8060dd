// Accounts and their members, on the wire.
import { z } from "zod";
import { accountRoles } from "../../http/caller.ts";
import { givenId } from "../../http/given-id.ts";
import { lineOfText } from "../../http/plain-text.ts";

const NAME_LENGTH_MAX = 100;

const exampleAccount = {
  id: "3f0c9a0e-52f7-4a57-9a57-0d8e6a1c2b11",
  name: "Example Media",
  created_at: "2026-03-01T12:00:00.000Z",
};

export const roleSchema = z.enum(accountRoles);

export const accountInput = z
  .strictObject({ name: lineOfText(NAME_LENGTH_MAX) })
  .meta({ id: "AccountInput", examples: [{ name: "Example Media" }] });
export type AccountInput = z.output<typeof accountInput>;

export const patchAccountInput = z
  .strictObject({ name: lineOfText(NAME_LENGTH_MAX) })
  .partial()
  .meta({ id: "AccountPatch", examples: [{ name: "Example Media International" }] });
export type PatchAccountInput = z.output<typeof patchAccountInput>;

export const accountReply = z
  .object({ id: z.uuid(), name: z.string(), created_at: z.string() })
  .meta({ id: "Account", examples: [exampleAccount] });

/** As one of its members sees it. */
export const accountOfUserReply = accountReply
  .extend({ role: roleSchema.meta({ description: "Yours in it." }) })
  .meta({ id: "AccountOfUser", examples: [{ ...exampleAccount, role: "owner" }] });

export const memberReply = z
  .object({
    user_id: z.uuid(),
    username: z.string(),
    email: z.string().nullable(),
    role: roleSchema,
    created_at: z.string().meta({ description: "Since when they belong to the account." }),
  })
  .meta({
    id: "Member",
    examples: [
      {
        user_id: "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42",
        username: "grace",
        email: "grace@example.com",
        role: "editor",
        created_at: "2026-03-02T09:30:00.000Z",
      },
    ],
  });

export const patchMemberInput = z
  .strictObject({ role: roleSchema })
  .meta({ id: "MemberPatch", examples: [{ role: "admin" }] });

export const memberParams = z.object({ user_id: givenId });

export const transferInput = z
  .strictObject({ user_id: givenId.meta({ description: "The member who becomes an owner in your place." }) })
  .meta({ id: "AccountTransfer", examples: [{ user_id: "8a1b6f8c-1f5e-4b0f-8f0e-5d2d3a9c7e42" }] });
