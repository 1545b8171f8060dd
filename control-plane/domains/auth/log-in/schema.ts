// Registering and logging in, on the wire.
import { z } from "zod";
import { accountRoles } from "../../../http/caller.ts";
import { emailAddress } from "../../../http/email-address.ts";
import { accountReply } from "../../account/index.ts";
import { aToken, aUser, givenPassword, login, newPassword, tokenFields, username, userReply } from "../schema.ts";
import { secondFactorFields } from "../totp/schema.ts";

export const registerInput = z.strictObject({ username, email: emailAddress, password: newPassword }).meta({
  id: "Registration",
  examples: [{ username: "ada", email: "ada@example.com", password: "correct-horse-1" }],
});
export type RegisterInput = z.output<typeof registerInput>;

export const loginInput = z.strictObject({ login, password: givenPassword, ...secondFactorFields }).meta({
  id: "Login",
  description: "Who has an authenticator is asked for a code by the problem totp-required: send all again, with it.",
  examples: [
    { login: "ada", password: "correct-horse-1" },
    { login: "ada@example.com", password: "correct-horse-1", totp_code: "492039" },
  ],
});
export type LoginInput = z.output<typeof loginInput>;

const anAccount = { id: "6f1d3c52-2f1d-4a86-8b5e-9b6a0c0f7a11", name: "ada", created_at: aUser.created_at };

export const registerReply = z
  .object({ user: userReply, account: accountReply, ...tokenFields })
  .meta({ id: "Registered", examples: [{ user: aUser, account: anAccount, ...aToken }] });

export const verifyReply = z
  .object({ user: userReply, account_id: z.uuid(), account_role: z.enum(accountRoles) })
  .meta({ id: "Recognised", examples: [{ user: aUser, account_id: anAccount.id, account_role: "owner" }] });
