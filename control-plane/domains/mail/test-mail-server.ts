// A real SMTP server on loopback that keeps what it is given, and refuses when told to. Tests only.
import { EventEmitter, once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";
import { makeLoopbackCertificate } from "../../../platform/embedded/loopback-certificate.ts";

const WAIT_MS = 10_000;

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came over the wire, quoted-printable undone. */
  readonly content: string;
  readonly isEncrypted: boolean;
  readonly user: string | undefined;
}

export interface TestMailServer {
  readonly url: string;
  /** PEM of the certificate that it shows after STARTTLS. */
  readonly certificate: string;
  readonly received: readonly ReceivedMail[];
  /** How often somebody connected. */
  connections(): number;
  /** The next recipients are refused with these codes, one each. */
  refuse(...codes: number[]): void;
  /** The next mail that arrives. Ask before the cause. */
  next(): Promise<ReceivedMail>;
  stop(): Promise<void>;
}

/** With a user, it wants a log-in behind STARTTLS; `isOpen`: it has no TLS. */
export async function startTestMailServer(
  options: { user?: string; password?: string; port?: number; isOpen?: boolean } = {},
): Promise<TestMailServer> {
  const { user, password, isOpen = user === undefined } = options;
  const { certificate, key } = loopbackCertificate();
  const refusals: number[] = [];
  const received: ReceivedMail[] = [];
  const arrivals = new EventEmitter();
  let connections = 0;
  const server = new SMTPServer({
    cert: certificate,
    key,
    authOptional: user === undefined,
    allowInsecureAuth: isOpen,
    disabledCommands: [...(user === undefined ? ["AUTH"] : []), ...(isOpen ? ["STARTTLS"] : [])],
    onConnect: (_session, done) => {
      connections += 1;
      done();
    },
    onAuth: (auth, _session, done) =>
      auth.username === user && auth.password === password
        ? done(null, { user: auth.username })
        : done(refusal(535, "who are you")),
    onRcptTo: (_address, _session, done) => {
      const code = refusals.shift();
      done(code === undefined ? null : refusal(code, "not now or never"));
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        const mail = {
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          content: decoded(Buffer.concat(chunks).toString("utf8")),
          isEncrypted: session.secure,
          user: typeof session.user === "string" ? session.user : undefined,
        };
        received.push(mail);
        done();
        arrivals.emit("mail", mail);
      });
    },
  });
  // A client that goes away in mid-sentence is no error of ours.
  server.on("error", () => {});
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server.server, "listening");
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new Error("the mail server has no port");
  return {
    url: `smtp://127.0.0.1:${address.port}`,
    certificate,
    received,
    connections: () => connections,
    refuse: (...codes) => void refusals.push(...codes),
    next: () =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("no mail came")), WAIT_MS);
        arrivals.once("mail", (mail: ReceivedMail) => {
          clearTimeout(timer);
          resolve(mail);
        });
      }),
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** The first link in a mail, as a reader would click it. */
export function linkIn(mail: ReceivedMail): URL {
  const link = /https?:\/\/[^\s"<]+/.exec(mail.content)?.[0];
  if (link === undefined) throw new Error("the mail has no link");
  return new URL(link);
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

function loopbackCertificate(): { certificate: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-mail-"));
  const files = { certificate: join(folder, "certificate.pem"), key: join(folder, "key.pem") };
  try {
    makeLoopbackCertificate(files);
    return { certificate: readFileSync(files.certificate, "utf8"), key: readFileSync(files.key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** RFC 2045 §6.7, as far as our own letters go: soft line ends, and bytes in hex. */
function decoded(content: string): string {
  const unfolded = content.replaceAll(/=\r\n/g, "");
  const bytes = unfolded.replaceAll(/=([0-9A-F]{2})/g, (_match, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
