// Authenticators on the wire.
import { z } from "zod";
import { givenPassword } from "../schema.ts";

const totpCode = z
  .string()
  .regex(/^\d{3} ?\d{3}$/, { error: "must be the six digits that the authenticator shows." })
  .overwrite((code) => code.replace(" ", ""));
const recoveryCode = z
  .string()
  .regex(/^[A-Za-z2-7 -]{16,30}$/, { error: "must be a recovery code such as abcd-efgh-ijkl-mnop." });

/** One of them, where an authenticator is asked for. */
export const secondFactorFields = {
  totp_code: totpCode.optional().meta({ description: "What the authenticator shows." }),
  recovery_code: recoveryCode.optional().meta({ description: "Instead of a code, when the authenticator is lost." }),
};
export interface SecondFactorInput {
  readonly totp_code?: string | undefined;
  readonly recovery_code?: string | undefined;
}

const password = givenPassword.optional().meta({ description: "Left out only by who has none." });

export const enrolTotpInput = z
  .strictObject({ password })
  .meta({ id: "TotpEnrolment", examples: [{ password: "correct-horse-1" }] });

export const confirmTotpInput = z
  .strictObject({ totp_code: totpCode })
  .meta({ id: "TotpConfirmation", examples: [{ totp_code: "492039" }] });

export const ownTotpInput = z
  .strictObject({ password, ...secondFactorFields })
  .meta({ id: "TotpOwner", examples: [{ password: "correct-horse-1", totp_code: "492039" }] });
export type OwnTotpInput = z.output<typeof ownTotpInput>;

export const enrolmentReply = z
  .object({
    secret: z.string().meta({ description: "Base32, to be typed where no camera is." }),
    otpauth_uri: z.string(),
    qr_svg: z.string().meta({ description: "The same as a picture." }),
  })
  .meta({
    id: "TotpEnrolled",
    description: "Shown this once. It counts when a code has been confirmed.",
    examples: [
      {
        secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        otpauth_uri: "otpauth://totp/Edgewright:ada?issuer=Edgewright&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        qr_svg: "<svg …></svg>",
      },
    ],
  });

export const recoveryCodesReply = z.object({ recovery_codes: z.array(z.string()) }).meta({
  id: "RecoveryCodes",
  description: "Shown this once; each is good once.",
  examples: [{ recovery_codes: ["k5qx-2v3n-m7ab-c4de"] }],
});

export const totpReply = z
  .object({ enabled: z.boolean(), enabled_at: z.string().nullable(), recovery_codes_left: z.int() })
  .meta({
    id: "Totp",
    examples: [{ enabled: true, enabled_at: "2026-03-01T12:00:00.000Z", recovery_codes_left: 10 }],
  });
