// An embedded Pebble: the local certificate authority, an ACME server whose certificates nobody outside trusts.
import { existsSync } from "node:fs";
import { Agent, get } from "node:https";
import { join } from "node:path";
import { startChild } from "./child.ts";
import { makeLoopbackCertificate } from "./loopback-certificate.ts";
import { onFreePort, pickPort } from "./ports.ts";
import { PLAIN_ENVIRONMENT } from "./program.ts";
import { type EmbeddedSettings, makeFolder } from "./service.ts";
import { type SupervisedChild, superviseChild } from "./supervise.ts";
import { writeWholeFile } from "./whole-file.ts";

const ANSWER_TIMEOUT_MS = 2000;

export interface PebbleSettings extends EmbeddedSettings {
  /** The argv of pebble: of the Debian tools, or an installed one. */
  readonly command: readonly string[];
  /** Where it looks for HTTP-01 answers, on the addresses that a name has. */
  readonly httpPort: number;
  /** `host:port`; by default the system's. */
  readonly dnsServer?: string;
}

export interface Pebble {
  readonly directoryUrl: string;
  /** Trust this one to speak with Pebble itself; the root that it signs with is another, made anew at each start. */
  readonly rootCertificatePath: string;
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
    const start = () => startServer(settings, configFile, directoryUrl);
    return {
      directoryUrl,
      rootCertificatePath: certificate,
      part: await superviseChild({ name: "pebble", log, start }),
    };
  });
}

function pebbleConfig(
  settings: PebbleSettings,
  listener: { port: number; managementPort: number; certificate: string; key: string },
): string {
  const pebble = {
    listenAddress: `127.0.0.1:${listener.port}`,
    managementListenAddress: `127.0.0.1:${listener.managementPort}`,
    certificate: listener.certificate,
    privateKey: listener.key,
    httpPort: settings.httpPort,
    // TLS-ALPN-01 is not answered by the edges.
    tlsPort: settings.httpPort,
    ocspResponderURL: "",
    externalAccountBindingRequired: false,
  };
  return JSON.stringify({ pebble }, null, 2);
}

function startServer(settings: PebbleSettings, configFile: string, directoryUrl: string) {
  const dns = settings.dnsServer === undefined ? [] : ["-dnsserver", settings.dnsServer];
  return startChild({
    ...settings,
    name: "pebble",
    command: [...settings.command, "-config", configFile, ...dns],
    // Its test habits off: sleeping before each validation, and refusing good nonces at random.
    env: { ...PLAIN_ENVIRONMENT, PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "0" },
    logFile: join(settings.folder, "pebble.log"),
    ready: { kind: "answer", ask: (signal) => answersDirectory(directoryUrl, signal) },
    deathSignal: "SIGKILL",
  });
}

/** Without a look at the certificate: the question is only whether it listens. */
function answersDirectory(url: string, signal: AbortSignal): Promise<boolean> {
  const agent = new Agent({ rejectUnauthorized: false });
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, signal, timeout: ANSWER_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy(new Error("no answer in time")));
    request.once("error", reject);
  });
}
