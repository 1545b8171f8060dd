// Confirming an address, on the wire.
import { z } from "zod";
import { oneTimeToken } from "../one-time-token/tokens.ts";

export const verifyEmailInput = z
  .strictObject({ token: oneTimeToken })
  .meta({ id: "EmailVerification", examples: [{ token: "Q2hvb3NlIGEgdG9rZW4gdGhhdCBub2JvZHkgZ3Vlc3M" }] });
