// OpenID Connect on the wire: what is left of it when the browser has come back.
import { z } from "zod";
import { oneTimeToken } from "../one-time-token/tokens.ts";
import { secondFactorFields } from "../totp/schema.ts";

export const openidLoginInput = z
  .strictObject({ code: oneTimeToken, ...secondFactorFields })
  .meta({ id: "OpenIdLogin", examples: [{ code: "Q2hvb3NlIGEgdG9rZW4gdGhhdCBub2JvZHkgZ3Vlc3M" }] });
export type OpenIdLoginInput = z.output<typeof openidLoginInput>;
