// Who a person of another issuer becomes here. No input or output.
import { emailAddress } from "../../../http/email-address.ts";
import { lineOfText } from "../../../http/plain-text.ts";
import type { Claims } from "./issuer.ts";

const NAME_LENGTH_MAX = 30;
const NAME_LENGTH_MIN = 3;
const SUFFIX_LENGTH = 5;

/** The address, if the issuer has made sure that it is theirs: any other could be anybody's. */
export function provenAddress({ email, email_verified }: Pick<Claims, "email" | "email_verified">): string | undefined {
  if (email_verified !== true) return undefined;
  const parsed = emailAddress.safeParse(email);
  return parsed.success ? parsed.data : undefined;
}

export function shownName({ name }: Pick<Claims, "name">): string | undefined {
  const parsed = lineOfText(100).safeParse(name);
  return parsed.success ? parsed.data : undefined;
}

/** User names that they might like, best first. `suffix`: a few letters or digits that set them apart. */
export function likelyNames({ preferred_username, email }: Claims, suffix: string): string[] {
  const wishes = [preferred_username, email?.slice(0, Math.max(0, email.lastIndexOf("@")))];
  const fitting = wishes.flatMap((wish) => {
    const name = (wish ?? "")
      .normalize("NFKD")
      .replaceAll(/[^A-Za-z0-9_-]+/g, "")
      .slice(0, NAME_LENGTH_MAX);
    return name.length >= NAME_LENGTH_MIN ? [name] : [];
  });
  return fitting.flatMap((name) => [name, `${name.slice(0, NAME_LENGTH_MAX - SUFFIX_LENGTH - 1)}-${suffix}`]);
}
