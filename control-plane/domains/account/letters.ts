// What this domain writes to people.
import type { AccountRole } from "../../http/caller.ts";
import type { Letter } from "../mail/index.ts";

interface InvitationMail {
  readonly email: string;
  readonly token: string;
  readonly accountName: string;
  readonly invitedBy: string;
  readonly role: AccountRole;
  readonly expiresAt: Date;
}

/** Shows what the invitation is to. */
export const invitationPage = "/invitation";
export const roleWords = { owner: "an owner", admin: "an admin", editor: "an editor", viewer: "a viewer" } as const;

export function invitationLetter(mail: InvitationMail, publicUrl: URL): Letter {
  const url = new URL(invitationPage, publicUrl);
  url.searchParams.set("token", mail.token);
  const day = mail.expiresAt.toISOString().slice(0, 10);
  return {
    to: mail.email,
    subject: `${mail.invitedBy} invites you to ${mail.accountName}`,
    paragraphs: [
      "Hello,",
      `${mail.invitedBy} invites you to work on ${mail.accountName} as ${roleWords[mail.role]}.`,
      `The link is good once, until ${day}, for whoever opens it: do not pass it on.`,
    ],
    action: { label: "See the invitation", url: url.href },
    closing: "If you do not know what this is about, ignore this mail: nothing happens without you.",
  };
}
