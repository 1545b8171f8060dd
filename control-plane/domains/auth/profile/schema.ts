// A person's own profile, on the wire.
import { z } from "zod";
import { emailAddress } from "../../../http/email-address.ts";
import { lineOfText } from "../../../http/plain-text.ts";
import { givenPassword, username } from "../schema.ts";

const NAME_LENGTH_MAX = 100;
const BIO_LENGTH_MAX = 1000;
const URL_LENGTH_MAX = 2048;

/** Several lines; control characters beside line ends and tabs are no text, halves of a pair are nothing at all. */
const bio = z
  .string()
  .max(BIO_LENGTH_MAX, { error: `must have at most ${BIO_LENGTH_MAX} characters.` })
  .refine((text) => !/[^\P{Cc}\n\r\t]|\p{Cs}/u.test(text), { error: "must be text, without control characters." });

const avatarUrl = z
  .string()
  .max(URL_LENGTH_MAX, { error: `must have at most ${URL_LENGTH_MAX} characters.` })
  .refine(isHttpsUrl, { error: "must be an https:// URL without a name or password in it." })
  .meta({ description: "https only: a picture that browsers load from there." });

export const profileInput = z
  .strictObject({
    username: username.optional(),
    email: emailAddress.optional().meta({ description: "Another address is to be confirmed again." }),
    password: givenPassword.optional().meta({ description: "To be given with another e-mail address." }),
    name: lineOfText(NAME_LENGTH_MAX).nullable().optional(),
    bio: bio.nullable().optional(),
    avatar_url: avatarUrl.nullable().optional(),
  })
  .meta({
    id: "ProfileInput",
    description: "What is left out stays as it is; null empties a field.",
    examples: [
      { name: "Ada Lovelace", bio: "Notes on the Analytical Engine.", avatar_url: "https://example.com/ada.png" },
    ],
  });
export type ProfileInput = z.output<typeof profileInput>;

function isHttpsUrl(text: string): boolean {
  if (!/^https:\/\/[\x21-\x7e]+$/i.test(text) || !URL.canParse(text)) return false;
  const { username: name, password } = new URL(text);
  return name === "" && password === "";
}
