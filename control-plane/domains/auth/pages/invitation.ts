// Where the link of an invitation leads. It only shows what the invitation is to: to accept it takes a session.
import { z } from "zod";
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { type InvitationService, invitationPage, roleWords } from "../../account/index.ts";
import { HTML, pageOrProblem } from "./page.ts";

const FORM_BYTES_MAX = 8 * 1024;
const DECLINE = `${invitationPage}/decline`;
const page = { tag: "Pages", access: { kind: "public" }, reply: { status: 200, raw: HTML } } as const;

export function invitationPages(invitations: Pick<InvitationService, "describe" | "decline">): Route[] {
  return [
    defineRoute({
      ...page,
      method: "GET",
      path: invitationPage,
      operationId: "showInvitation",
      summary: "Says who invites to what, and how to accept",
      query: z.object({ token: z.string().max(200).default("") }),
      handle: ({ query: { token } }) =>
        pageOrProblem(async () => {
          const { accountName, invitedBy, role } = await invitations.describe(token);
          return {
            title: `Work on ${accountName}?`,
            paragraphs: [
              `${invitedBy} invites you to work on ${accountName} as ${roleWords[role]}.`,
              "To accept, log in, or register first, and send this token to POST /api/v1/invitations/accept:",
            ],
            code: token,
            form: { action: DECLINE, token, button: "No, decline it", asksPassword: false },
          };
        }),
    }),
    defineRoute({
      ...page,
      method: "POST",
      path: DECLINE,
      operationId: "submitInvitationRefusal",
      summary: "Declines the invitation",
      body: { raw: "application/x-www-form-urlencoded", bytesMax: FORM_BYTES_MAX },
      handle: ({ facts }) =>
        pageOrProblem(async () => {
          const { requestId, clientAddress, rawBody } = facts;
          const token = new URLSearchParams(rawBody?.toString("utf8")).get("token") ?? "";
          await invitations.decline({ userId: null, apiTokenId: null, requestId, clientAddress }, token);
          return { title: "You have declined", paragraphs: ["Nothing else happens. You can close this page."] };
        }),
    }),
  ];
}
