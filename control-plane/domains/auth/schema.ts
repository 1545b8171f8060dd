// What several themes of this domain say on the wire: names, addresses, passwords, users and tokens.
import { z } from "zod";
import { platformRoles } from "../../http/caller.ts";

export const PASSWORD_BYTES_MAX = 72; // bcrypt reads no further

export const username = z
  .string()
  .regex(/^[A-Za-z0-9_-]{3,30}$/, { error: "must have 3 to 30 characters of A–Z, a–z, 0–9, _ and -." });

/** At least 8 characters with a letter and a digit. */
export const newPassword = z
  .string()
  .min(8, { error: "must have at least 8 characters." })
  .refine((text) => Buffer.byteLength(text) <= PASSWORD_BYTES_MAX, {
    error: `must have at most ${PASSWORD_BYTES_MAX} bytes.`,
  })
  .refine((text) => /\p{L}/u.test(text) && /\d/.test(text), { error: "must have a letter and a digit." })
  .refine(isPrintable, { error: "must have no control characters." })
  .meta({ description: `A letter and a digit, 8 characters or more, up to ${PASSWORD_BYTES_MAX} bytes.` });

/** Whatever somebody takes for their password. */
export const givenPassword = z.string().min(1).max(1024);

/** By e-mail or name. */
export const login = z
  .string()
  .min(1)
  .max(254)
  .refine(isPrintable, { error: "must have no control characters." })
  .meta({ description: "E-mail address or user name." });

/** No control characters and no halves of a character: neither fits into a column of text. */
function isPrintable(text: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(text);
}

export const aUser = {
  id: "0b1f6a0e-5c0e-4a53-9a4b-0d1a4f2f6c55",
  username: "ada",
  email: "ada@example.com",
  email_verified: true,
  name: "Ada Lovelace",
  bio: null,
  avatar_url: null,
  platform_role: "user" as const,
  created_at: "2026-03-01T12:00:00.000Z",
};
export const aToken = { token: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIuLi4ifQ.c2ln", expires_at: "2026-03-02T12:00:00.000Z" };

export const userReply = z
  .object({
    id: z.uuid(),
    username: z.string(),
    email: z.string().nullable(),
    email_verified: z.boolean(),
    name: z.string().nullable(),
    bio: z.string().nullable(),
    avatar_url: z.string().nullable(),
    platform_role: z.enum(platformRoles),
    created_at: z.string(),
  })
  .meta({ id: "User", examples: [aUser] });
export type UserReply = z.input<typeof userReply>;

export const tokenFields = { token: z.string(), expires_at: z.string() };
export const tokenReply = z.object(tokenFields).meta({ id: "Token", examples: [aToken] });
