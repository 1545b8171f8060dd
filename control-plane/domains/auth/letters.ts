// What this domain writes to people.
import type { Letter } from "../mail/index.ts";

export const pagePaths = { verifyEmail: "/verify-email", resetPassword: "/reset-password" } as const;

interface Addressee {
  readonly to: string;
  readonly username: string;
}

export function verificationLetter({ to, username }: Addressee, token: string, publicUrl: URL): Letter {
  return {
    to,
    subject: "Confirm your e-mail address",
    paragraphs: [`Hello ${username},`, "please confirm that this address is yours. The link is good for 24 hours."],
    action: { label: "Confirm the address", url: pageUrl(publicUrl, pagePaths.verifyEmail, token) },
    closing: "If you know nothing of this, ignore this mail: somebody has probably mistyped their own address.",
  };
}

export function resetLetter({ to, username }: Addressee, token: string, publicUrl: URL): Letter {
  return {
    to,
    subject: "Choose a new password",
    paragraphs: [
      `Hello ${username},`,
      "somebody, probably you, has asked for a new password. The link is good for one hour, and once.",
    ],
    action: { label: "Choose a new password", url: pageUrl(publicUrl, pagePaths.resetPassword, token) },
    closing: "If it was not you, ignore this mail: your password stays as it is.",
  };
}

const NEWS = {
  "password-changed": "Your password was changed, and all former sessions have ended.",
  "email-changed": "The e-mail address of your user was changed to another one. This one is used no longer.",
  "totp-disabled": "Logging in takes no code of an authenticator any more.",
} as const;
export type News = keyof typeof NEWS;

/** What a person should hear of, in case that it was somebody else. */
export function newsLetter({ to, username }: Addressee, news: News): Letter {
  return {
    to,
    subject: "A change of how you log in",
    paragraphs: [`Hello ${username},`, NEWS[news]],
    closing: "If it was not you, ask for a new password at once and tell whoever runs this platform.",
  };
}

function pageUrl(publicUrl: URL, path: string, token: string): string {
  const url = new URL(path, publicUrl);
  url.searchParams.set("token", token);
  return url.href;
}
