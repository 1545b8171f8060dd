// Hands letters to the mail server. What it refuses for now is tried again by the job that sends; what it refuses for good
// is given up with a warning. Without a server the log has the link.
import { createTransport } from "nodemailer";
import { z } from "zod";
import type { Logger } from "../../../platform/log.ts";
import { type Letter, printLetter } from "./letter.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const GREETING_TIMEOUT_MS = 10_000;
const SOCKET_TIMEOUT_MS = 20_000;
/** A server that did not answer is left alone this long: jobs that wait for it must not keep all others waiting. */
const AWAY_MS = 30_000;
// About the session or about logging in, even where they answer an address.
const OUR_FAULT = new Set([503, 530, 534, 535, 538]);

export interface Mailer {
  /** Throws while the letter may still go out. `id` is the same each time that the same letter is tried. */
  send(letter: Letter, about: { id: string; signal: AbortSignal }): Promise<void>;
}

interface MailSettings {
  /** `smtp://name:password@host:587`; smtps for TLS from the first byte. Undefined: nothing is sent. */
  readonly smtpUrl: string | undefined;
  /** PEM of the server's own authority, where the system does not know it. */
  readonly authority?: string | undefined;
  readonly from: string;
  readonly log: Logger;
  readonly clock: () => Date;
}

export function createMailer({ smtpUrl, authority, from, log, clock }: MailSettings): Mailer {
  if (smtpUrl === undefined) return { send: async (letter) => logInstead(letter, log) };
  const transport = createTransport(transportOptions(new URL(smtpUrl), authority));
  const host = new URL(smtpUrl).hostname;
  let awayUntilMs = 0;

  return {
    async send(letter, { id, signal }) {
      if (clock().getTime() < awayUntilMs) throw new Error("the mail server did not answer a moment ago");
      try {
        await transport.sendMail({ ...message(letter, from), messageId: `<${id}@${domainOf(from)}>`, signal });
      } catch (error) {
        const { code, reply } = failureOf(error);
        if (isForGood(code, reply)) {
          log.warn({ error, mail_server: host }, "a mail was refused for good");
          return;
        }
        if (reply === undefined && !signal.aborted) awayUntilMs = clock().getTime() + AWAY_MS;
        throw new Error("the mail could not be handed over yet", { cause: error });
      }
    },
  };
}

function message({ to, subject, ...rest }: Letter, from: string) {
  return {
    from,
    // As objects: a quoted local part may hold what would be read as a second address.
    to: [{ name: "", address: to }],
    subject,
    ...printLetter({ to, subject, ...rest }),
    // RFC 3834: no out-of-office answers, please.
    headers: { "Auto-Submitted": "auto-generated" },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function transportOptions(url: URL, authority: string | undefined) {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isLoopback = host === "localhost" || host === "::1" || host.startsWith("127.");
  const auth = { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
  const hasAuth = auth.user !== "";
  return {
    host,
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    secure: url.protocol === "smtps:",
    // A password goes over a wire only when nobody can read along.
    requireTLS: hasAuth && !isLoopback && url.searchParams.get("requireTLS") !== "false",
    ...(hasAuth ? { auth } : {}),
    ...(authority === undefined ? {} : { tls: { ca: authority } }),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: GREETING_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
  };
}

const failureSchema = z.object({ code: z.string(), responseCode: z.number().optional() });

/** Without a reply the server was not there at all. */
function failureOf(error: unknown): { code: string; reply: number | undefined } {
  const failure = failureSchema.safeParse(error);
  return { code: failure.data?.code ?? "", reply: failure.data?.responseCode };
}

/** RFC 5321 §4.2.1: 5yz will not change. That is said of the letter or its address; the rest we are set up wrong for. */
function isForGood(code: string, reply: number | undefined): boolean {
  const isOfLetter = code === "EENVELOPE" || code === "EMESSAGE";
  return isOfLetter && reply !== undefined && reply >= 500 && !OUR_FAULT.has(reply);
}

function domainOf(from: string): string {
  return /@([^\s>@]+)>?\s*$/.exec(from)?.[1] ?? "localhost";
}

function logInstead({ to, subject, action }: Letter, log: Logger): void {
  log.info({ to, subject, link: action?.url ?? null }, "no SMTP_URL is set: this mail is not sent");
}
