// A person's authenticator over HTTP. The answers hold secrets that are shown once, so none is kept for a repeat.
import { defineRoute, type Route } from "../../../http/define-route.ts";
import {
  codeWrong,
  passwordsBusy,
  passwordWrong,
  recentLoginRequired,
  totpAlreadyOn,
  totpLocked,
  totpNotOn,
} from "../problems.ts";
import type { AuthService } from "../service.ts";
import { visitOf } from "../visit.ts";
import {
  confirmTotpInput,
  enrolmentReply,
  enrolTotpInput,
  ownTotpInput,
  recoveryCodesReply,
  totpReply,
} from "./schema.ts";

const tag = "Accounts and access";
const ofOwner = [passwordWrong, recentLoginRequired, passwordsBusy];
const ofCode = [totpNotOn, codeWrong, totpLocked];

export function totpRoutes({ totp }: AuthService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/auth/totp",
      operationId: "getTotp",
      tag,
      summary: "Whether logging in takes a code of your authenticator",
      access: { kind: "user" },
      reply: { status: 200, body: totpReply },
      async handle({ caller }) {
        const { enabledAt, recoveryCodesLeft } = await totp.read(caller);
        return {
          body: {
            enabled: enabledAt !== null,
            enabled_at: enabledAt?.toISOString() ?? null,
            recovery_codes_left: recoveryCodesLeft,
          },
        };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/auth/totp",
      operationId: "enrolTotp",
      tag,
      summary: "Get a secret for an authenticator; confirm a code of it to turn it on",
      access: { kind: "user" },
      attempts: true,
      idempotencyKey: false,
      body: enrolTotpInput,
      reply: { status: 201, body: enrolmentReply },
      problems: [...ofOwner, totpAlreadyOn],
      async handle({ body, caller }) {
        const { secret, uri, qrSvg } = await totp.enrol(caller, body.password);
        return { body: { secret, otpauth_uri: uri, qr_svg: qrSvg } };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/auth/totp/confirm",
      operationId: "confirmTotp",
      tag,
      summary: "Turn the authenticator on with a first code, and get ten recovery codes",
      access: { kind: "user" },
      attempts: true,
      idempotencyKey: false,
      body: confirmTotpInput,
      reply: { status: 200, body: recoveryCodesReply },
      problems: [totpNotOn, totpAlreadyOn, codeWrong],
      handle: async ({ body, caller }) => ({ body: { recovery_codes: await totp.confirm(caller, body.totp_code) } }),
    }),
    defineRoute({
      method: "POST",
      path: "/auth/totp/recovery-codes",
      operationId: "renewRecoveryCodes",
      tag,
      summary: "Get ten new recovery codes instead of those that are left",
      access: { kind: "user" },
      attempts: true,
      idempotencyKey: false,
      body: ownTotpInput,
      reply: { status: 200, body: recoveryCodesReply },
      problems: [...ofOwner, ...ofCode],
      async handle({ body, caller, facts }) {
        return { body: { recovery_codes: await totp.renewRecoveryCodes(caller, body, visitOf(facts)) } };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/auth/totp/disable",
      operationId: "disableTotp",
      tag,
      summary: "Log in without an authenticator again",
      access: { kind: "user" },
      attempts: true,
      idempotencyKey: false,
      body: ownTotpInput,
      reply: { status: 204, empty: true },
      problems: [...ofOwner, ...ofCode],
      async handle({ body, caller, facts }) {
        await totp.disable(caller, body, visitOf(facts));
        return {};
      },
    }),
  ];
}
