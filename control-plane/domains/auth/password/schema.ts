// Changing and resetting a password, on the wire.
import { z } from "zod";
import { emailAddress } from "../../../http/email-address.ts";
import { oneTimeToken } from "../one-time-token/tokens.ts";
import { givenPassword, newPassword } from "../schema.ts";

export const changePasswordInput = z
  .strictObject({
    current_password: givenPassword.optional().meta({ description: "Left out only by who has none yet." }),
    new_password: newPassword,
  })
  .meta({
    id: "PasswordChange",
    examples: [{ current_password: "correct-horse-1", new_password: "battery-staple-2" }],
  });
export type ChangePasswordInput = z.output<typeof changePasswordInput>;

export const forgotPasswordInput = z
  .strictObject({ email: emailAddress })
  .meta({ id: "PasswordForgotten", examples: [{ email: "ada@example.com" }] });

export const resetPasswordInput = z.strictObject({ token: oneTimeToken, password: newPassword }).meta({
  id: "PasswordReset",
  examples: [{ token: "Q2hvb3NlIGEgdG9rZW4gdGhhdCBub2JvZHkgZ3Vlc3M", password: "battery-staple-2" }],
});
export type ResetPasswordInput = z.output<typeof resetPasswordInput>;
