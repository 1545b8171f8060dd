import { expect, test } from "vitest";
import { invitationLetter } from "./letters.ts";

test("an invitation says who invites, to what, as what, until when, and leads to its page with the token", () => {
  const letter = invitationLetter(
    {
      ...{ email: "grace@example.com", token: "t/o+k", accountName: "Ada & Söhne", invitedBy: "ada", role: "editor" },
      expiresAt: new Date("2026-03-08T12:00:00Z"),
    },
    new URL("https://cdn.example.com"),
  );
  expect(letter).toMatchObject({
    to: "grace@example.com",
    subject: "ada invites you to Ada & Söhne",
    action: { url: "https://cdn.example.com/invitation?token=t%2Fo%2Bk" },
  });
  expect(letter.paragraphs.join(" ")).toContain("Ada & Söhne as an editor");
  expect(letter.paragraphs.join(" ")).toContain("until 2026-03-08");
});
