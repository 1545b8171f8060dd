// A certificate authority as orders need it: acme-client signs and carries, this parses what comes back.
import acme from "acme-client";
import { z } from "zod";
import { AuthorityRefusal, meaningOf, parseAnswer } from "./refusal.ts";
import { type Answer, type Line, openLine } from "./transport.ts";
import type { Method } from "./words.ts";

const DIRECTORY_KEPT_MS = 3_600_000;

const directorySchema = z.object({
  renewalInfo: z.url().optional(),
  meta: z
    .object({
      caaIdentities: z.array(z.string()).default([]),
      externalAccountRequired: z.boolean().default(false),
    })
    .default({ caaIdentities: [], externalAccountRequired: false }),
});
export type Directory = z.output<typeof directorySchema>;

const faultSchema = z.object({ type: z.string().default(""), detail: z.string().default("") });
const orderSchema = z.object({
  url: z.url(),
  status: z.enum(["pending", "ready", "processing", "valid", "invalid"]),
  authorizations: z.array(z.url()),
  finalize: z.url(),
  certificate: z.url().optional(),
  error: faultSchema.optional(),
});
export type AuthorityOrder = z.output<typeof orderSchema>;

const challengeSchema = z.object({
  type: z.string(),
  url: z.url(),
  token: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,128}$/)
    .optional(),
  status: z.string(),
  error: faultSchema.optional(),
});
const authorizationSchema = z.object({
  url: z.url(),
  status: z.enum(["pending", "valid", "invalid", "deactivated", "expired", "revoked"]),
  identifier: z.object({ value: z.string().toLowerCase() }),
  wildcard: z.boolean().default(false),
  challenges: z.array(challengeSchema),
});
export type Authorization = z.output<typeof authorizationSchema>;

const renewalInfoSchema = z.object({
  suggestedWindow: z
    .object({ start: z.iso.datetime({ offset: true }), end: z.iso.datetime({ offset: true }) })
    .transform(({ start, end }) => ({ start: new Date(start), end: new Date(end) }))
    .refine(({ start, end }) => start < end),
});

export interface AuthoritySettings {
  readonly directoryUrl: string;
  /** PEM of its own root, where the system does not know it. */
  readonly root: string | undefined;
  readonly email: string | undefined;
  readonly externalAccount: { readonly keyId: string; readonly hmacKey: string } | undefined;
  /** Which kind of certificate, where the authority has several. */
  readonly profile: string | undefined;
}

export type Authority = ReturnType<typeof openAuthority>;
export type AuthorityAccount = ReturnType<Authority["as"]>;

export function openAuthority(settings: AuthoritySettings) {
  const line = openLine(settings.root);
  let known: { readonly directory: Directory; readonly at: number } | undefined;

  async function directory(signal: AbortSignal): Promise<Directory> {
    if (known !== undefined && Date.now() - known.at < DIRECTORY_KEPT_MS) return known.directory;
    const answer = await get(line, settings.directoryUrl, signal);
    known = { directory: parseAnswer(directorySchema, answer.value), at: Date.now() };
    return known.directory;
  }

  /** RFC 9773 §4.1: asked without an account. Undefined: this authority has no such thing. */
  async function renewalInfo(renewalId: string, signal: AbortSignal) {
    const { renewalInfo: base } = await directory(signal);
    if (base === undefined) return undefined;
    const { value, retryAfterMs } = await get(line, `${base.replace(/\/$/, "")}/${renewalId}`, signal);
    return { window: parseAnswer(renewalInfoSchema, value).suggestedWindow, retryAfterMs };
  }

  return {
    settings,
    directory,
    renewalInfo,
    /** Without an account's URL only `register` works. */
    as: (accountKey: string, accountUrl: string | undefined) => openAccount(settings, line, accountKey, accountUrl),
  };
}

async function get(line: Line, url: string, signal: AbortSignal): Promise<Answer<unknown>> {
  return line.ask(signal, async () => {
    const answer = await acme.axios.get<unknown>(url);
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
    return answer.data;
  });
}

function openAccount(settings: AuthoritySettings, line: Line, accountKey: string, accountUrl: string | undefined) {
  const { directoryUrl, email, externalAccount, profile } = settings;
  const client = new acme.Client({
    ...{ directoryUrl, accountKey },
    ...(accountUrl === undefined ? {} : { accountUrl }),
    ...(externalAccount === undefined
      ? {}
      : { externalAccountBinding: { kid: externalAccount.keyId, hmacKey: externalAccount.hmacKey } }),
  });

  /** A key that the authority knows already keeps its account. Answers the account's URL. */
  async function register(signal: AbortSignal): Promise<string> {
    const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
    try {
      await line.ask(signal, () => client.createAccount({ onlyReturnExisting: true }));
      if (email !== undefined) await line.ask(signal, () => client.updateAccount(contact));
    } catch (error) {
      if (!(error instanceof AuthorityRefusal) || meaningOf(error) !== "account") throw error;
      await createAccount(contact, signal);
    }
    return client.getAccountUrl();
  }

  async function createAccount(contact: { contact?: string[] }, signal: AbortSignal): Promise<void> {
    try {
      await line.ask(signal, () => client.createAccount({ termsOfServiceAgreed: true, ...contact }));
    } catch (error) {
      // Another worker was faster: the library then updates the account with nothing, which an authority may refuse.
      if (!hasAccount()) throw error;
    }
  }

  function hasAccount(): boolean {
    try {
      return client.getAccountUrl() !== "";
    } catch {
      return false;
    }
  }

  async function createOrder(
    { names, replaces }: { names: readonly string[]; replaces: string | null },
    signal: AbortSignal,
  ): Promise<AuthorityOrder> {
    const order = {
      identifiers: names.map((value) => ({ type: "dns", value })),
      ...(replaces === null ? {} : { replaces }),
      ...(profile === undefined ? {} : { profile }),
    };
    return parseAnswer(orderSchema, (await line.ask(signal, () => client.createOrder(order))).value);
  }

  async function findOrder(url: string, signal: AbortSignal): Promise<Answer<AuthorityOrder>> {
    const { value, retryAfterMs } = await line.ask(signal, () => client.getOrder(bareOrder(url)));
    return { value: parseAnswer(orderSchema, value), retryAfterMs };
  }

  async function findAuthorizations(
    urls: readonly string[],
    signal: AbortSignal,
  ): Promise<Answer<readonly Authorization[]>> {
    const order = { ...bareOrder(directoryUrl), authorizations: [...urls] };
    const { value, retryAfterMs } = await line.ask(signal, () => client.getAuthorizations(order));
    return { value: parseAnswer(z.array(authorizationSchema), value), retryAfterMs };
  }

  async function finalize(order: AuthorityOrder, csr: string, signal: AbortSignal): Promise<void> {
    await line.ask(signal, () => client.finalizeOrder({ ...bareOrder(order.url), finalize: order.finalize }, csr));
  }

  return {
    register,
    createOrder,
    findOrder,
    findAuthorizations,
    finalize,
    /** What proves a challenge: the content of the file, or the value of the TXT record. */
    proofOf: (method: Method, token: string) =>
      client.getChallengeKeyAuthorization({ type: method, token, url: directoryUrl, status: "pending" }),
    async answerChallenge(url: string, signal: AbortSignal): Promise<void> {
      await line.ask(signal, () =>
        client.completeChallenge({ type: "http-01", token: "", url, status: "pending" as const }),
      );
    },
    /** What is left of a failed order counts against the authority's limits for as long as it is pending. */
    async deactivate(authorization: Authorization, signal: AbortSignal): Promise<void> {
      const { url, identifier, status } = authorization;
      await line.ask(signal, () =>
        client.deactivateAuthorization({
          url,
          status,
          identifier: { type: "dns", value: identifier.value },
          challenges: [],
        }),
      );
    },
    /** PEM, the leaf first. */
    async download(certificateUrl: string, signal: AbortSignal): Promise<string> {
      const order = { ...bareOrder(directoryUrl), status: "valid" as const, certificate: certificateUrl };
      return (await line.ask(signal, () => client.getCertificate(order))).value;
    },
    async revoke(leaf: string, reason: number, signal: AbortSignal): Promise<void> {
      await line.ask(signal, () => client.revokeCertificate(leaf, { reason }));
    },
  };
}

/** The library asks for whole orders where it uses a URL of theirs. */
function bareOrder(url: string) {
  return { url, status: "pending" as const, identifiers: [], authorizations: [], finalize: url };
}
