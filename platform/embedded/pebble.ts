// An embedded Pebble: the local certificate authority, an ACME server whose certificates nobody outside trusts.
import { existsSync, readFileSync } from "node:fs";
import { Agent, get } from "node:https";
import { join } from "node:path";
import { Agent as HttpAgent, request } from "undici";
import { startChild } from "./child.ts";
import { makeLoopbackCertificate } from "./loopback-certificate.ts";
import { onFreePort, pickPort } from "./ports.ts";
import { PLAIN_ENVIRONMENT } from "./program.ts";
import { type EmbeddedSettings, makeFolder } from "./service.ts";
import { type SupervisedChild, superviseChild } from "./supervise.ts";
import { writeWholeFile } from "./whole-file.ts";

const ANSWER_TIMEOUT_MS = 2000;
const VALIDITY_SECONDS = 90 * 24 * 3600;
/** RFC 8555 §6.1: an ACME server may refuse who has none. */
const USER_AGENT = { "user-agent": "edgewright" };

export interface PebbleSettings extends EmbeddedSettings {
  /** The argv of pebble: of the Debian tools, or an installed one. */
  readonly command: readonly string[];
  /** Where it looks for HTTP-01 answers, on the addresses that a name has. */
  readonly httpPort: number;
  /** `host:port`, asked over TCP; by default the system's. */
  readonly dnsServer?: string;
  readonly habits?: PebbleHabits;
  /** After each start, also when it was started again by itself: by then it signs with another root. */
  readonly onStart?: (pebble: Pick<Pebble, "readRoot">) => Promise<void>;
}

/** How it treats its clients; none of these makes life harder unless it is asked for. */
export interface PebbleHabits {
  /** Of good nonces. */
  readonly nonceRejectPercent?: number;
  /** Of authorizations that were valid for an order before. */
  readonly authorizationReusePercent?: number;
  /** Key id → key in base64url: without one of them nobody gets an account. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
  /** With their subdomains: no order is taken for them. */
  readonly blockedDomains?: readonly string[];
  /** Seconds that certificates are valid, by the profile that orders name. */
  readonly profiles?: Readonly<Record<string, number>>;
  readonly retryAfterSeconds?: number;
}

export interface Pebble {
  readonly directoryUrl: string;
  /** Trust this one to speak with Pebble itself; the root that it signs with is another, made anew at each start. */
  readonly rootCertificatePath: string;
  /** Beside what ACME has: roots, and what tests move. Trusted by the same root as the directory. */
  readonly managementUrl: string;
  /** The root that it signs with now. */
  readonly readRoot: () => Promise<string>;
  readonly part: SupervisedChild;
}

export async function startPebble(wanted: PebbleSettings): Promise<Pebble> {
  const settings = makeFolder(wanted);
  const { folder, log } = settings;
  const certificate = join(folder, "listener.crt");
  const key = join(folder, "listener.key");
  if (!existsSync(key)) makeLoopbackCertificate({ certificate, key });
  const managementPort = await pickPort(join(folder, "management-port"));
  return onFreePort(join(folder, "port"), async (port) => {
    const configFile = join(folder, "pebble.json");
    writeWholeFile(configFile, pebbleConfig(settings, { port, managementPort, certificate, key }));
    const directoryUrl = `https://127.0.0.1:${port}/dir`;
    const managementUrl = `https://127.0.0.1:${managementPort}`;
    const readRoot = () => readSigningRoot(managementUrl, certificate);
    const start = async () => {
      const child = await startServer(settings, configFile, { directoryUrl, managementUrl });
      try {
        await settings.onStart?.({ readRoot });
        return child;
      } catch (error) {
        await child.stop();
        throw error;
      }
    };
    return {
      directoryUrl,
      rootCertificatePath: certificate,
      managementUrl,
      readRoot,
      part: await superviseChild({ name: "pebble", log, start }),
    };
  });
}

async function readSigningRoot(managementUrl: string, certificateFile: string): Promise<string> {
  const dispatcher = new HttpAgent({ connect: { ca: readFileSync(certificateFile) } });
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const { statusCode, body } = await request(`${managementUrl}/roots/0`, { dispatcher, signal, headers: USER_AGENT });
    const text = await body.text();
    if (statusCode === 200) return text;
    throw new Error(`the local certificate authority shows no root: it answers ${statusCode}`);
  } finally {
    await dispatcher.close();
  }
}

function pebbleConfig(
  settings: PebbleSettings,
  listener: { port: number; managementPort: number; certificate: string; key: string },
): string {
  const { externalAccounts, blockedDomains, profiles, retryAfterSeconds } = settings.habits ?? {};
  const described = Object.entries(profiles ?? {}).map(([name, validityPeriod]) => [
    name,
    { description: name, validityPeriod },
  ]);
  const pebble = {
    listenAddress: `127.0.0.1:${listener.port}`,
    managementListenAddress: `127.0.0.1:${listener.managementPort}`,
    certificate: listener.certificate,
    privateKey: listener.key,
    httpPort: settings.httpPort,
    // TLS-ALPN-01 is not answered by the edges.
    tlsPort: settings.httpPort,
    ocspResponderURL: "",
    externalAccountBindingRequired: externalAccounts !== undefined,
    externalAccountMACKeys: externalAccounts,
    domainBlocklist: blockedDomains,
    // Else those of older ones are valid for five years, as no real authority's are.
    ...(profiles === undefined
      ? { certificateValidityPeriod: VALIDITY_SECONDS }
      : { profiles: Object.fromEntries(described) }),
    retryAfter: retryAfterSeconds === undefined ? undefined : { authz: retryAfterSeconds, order: retryAfterSeconds },
  };
  return JSON.stringify({ pebble }, null, 2);
}

function startServer(
  settings: PebbleSettings,
  configFile: string,
  { directoryUrl, managementUrl }: Pick<Pebble, "directoryUrl" | "managementUrl">,
) {
  const dns = settings.dnsServer === undefined ? [] : ["-dnsserver", settings.dnsServer];
  const { nonceRejectPercent = 0, authorizationReusePercent } = settings.habits ?? {};
  return startChild({
    ...settings,
    name: "pebble",
    command: [...settings.command, "-config", configFile, ...dns],
    env: {
      ...PLAIN_ENVIRONMENT,
      // Its test habits off: sleeping before each validation, and refusing good nonces at random.
      PEBBLE_VA_NOSLEEP: "1",
      PEBBLE_WFE_NONCEREJECT: String(nonceRejectPercent),
      ...(authorizationReusePercent === undefined ? {} : { PEBBLE_AUTHZREUSE: String(authorizationReusePercent) }),
    },
    logFile: join(settings.folder, "pebble.log"),
    ready: {
      kind: "answer",
      ask: async (signal) =>
        (await answers(directoryUrl, signal)) && (await answers(`${managementUrl}/roots/0`, signal)),
    },
    deathSignal: "SIGKILL",
  });
}

/** Without a look at the certificate: the question is only whether it listens. */
function answers(url: string, signal: AbortSignal): Promise<boolean> {
  const agent = new Agent({ rejectUnauthorized: false });
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, signal, headers: USER_AGENT, timeout: ANSWER_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy(new Error("no answer in time")));
    request.once("error", reject);
  });
}
