// Registering, logging in and being recognised, on the wire.
import { z } from "zod";
import { accountReply } from "../account/index.ts";

export const PASSWORD_BYTES_MAX = 72; // bcrypt reads no further

/** At least 8 characters with a letter and a digit. */
export const newPassword = z
  .string()
  .min(8, { error: "must have at least 8 characters." })
  .refine((text) => Buffer.byteLength(text) <= PASSWORD_BYTES_MAX, {
    error: `must have at most ${PASSWORD_BYTES_MAX} bytes.`,
  })
  .refine((text) => /\p{L}/u.test(text) && /\d/.test(text), { error: "must have a letter and a digit." });

export const registerInput = z
  .strictObject({
    username: z
      .string()
      .regex(/^[A-Za-z0-9_-]{3,30}$/, { error: "must have 3 to 30 characters of A–Z, a–z, 0–9, _ and -." }),
    email: z.email({ error: "must be an e-mail address." }).max(254),
    password: newPassword,
  })
  .meta({
    id: "Registration",
    examples: [{ username: "ada", email: "ada@example.com", password: "correct-horse-1" }],
  });
export type RegisterInput = z.output<typeof registerInput>;

export const loginInput = z
  .strictObject({
    login: z.string().min(1).max(254).meta({ description: "E-mail address or user name." }),
    password: z.string().min(1).max(1024),
  })
  .meta({ id: "Login", examples: [{ login: "ada", password: "correct-horse-1" }] });

const userReply = z
  .object({
    id: z.uuid(),
    username: z.string(),
    email: z.string(),
    platform_role: z.enum(["user", "premium", "moderator", "admin"]),
    created_at: z.string(),
  })
  .meta({ id: "User" });
export type UserReply = z.input<typeof userReply>;

const token = { token: z.string(), expires_at: z.string() };
export const registerReply = z.object({ user: userReply, account: accountReply, ...token });
export const loginReply = z.object(token);
export const verifyReply = z.object({
  user: userReply,
  account_id: z.uuid(),
  account_role: z.enum(["viewer", "editor", "admin", "owner"]),
});
