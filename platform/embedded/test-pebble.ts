// A certificate authority for tests, of the newest Pebble: it can be told to be difficult, and to move what it says about
// renewals.
import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import { z } from "zod";
import { type PebbleHabits, startPebble } from "./pebble.ts";
import { pickPort } from "./ports.ts";
import { inTemporaryFolder, newestPebble } from "./test-services.ts";

export interface TestPebbleSettings extends PebbleHabits {
  /** Where it looks for HTTP-01 answers; by default where nobody listens. */
  readonly httpPort?: number;
  /** `host:port`, asked over TCP for every name. */
  readonly dnsServer?: string;
}

export interface TestPebble {
  readonly directoryUrl: string;
  /** PEM file to trust the directory itself with: ACME_CA_FILE. */
  readonly caFile: string;
  /** The root that certificates are signed with. */
  root(): Promise<string>;
  /** What it says about the renewal of this certificate from now on (RFC 9773 §4.2); a text is said as it is. */
  sayRenewalInfo(certificate: string, info: string | RenewalWindow): Promise<void>;
  /** By the serial number in hex, as node:crypto shows it. */
  statusOf(serialNumber: string): Promise<"Valid" | "Revoked">;
  stop(): Promise<void>;
}

export interface RenewalWindow {
  readonly suggestedWindow: { readonly start: string; readonly end: string };
  readonly explanationURL?: string;
}

export async function startTestPebble(settings: TestPebbleSettings = {}): Promise<TestPebble> {
  const { httpPort = await pickPort(), dnsServer, ...habits } = settings;
  const command = await newestPebble();
  const dns = dnsServer === undefined ? {} : { dnsServer };
  const pebble = await inTemporaryFolder("pebble", (surroundings) =>
    startPebble({ ...surroundings, ...dns, command, httpPort, habits }),
  );
  const dispatcher = new Agent({ connect: { ca: readFileSync(pebble.rootCertificatePath) } });
  return {
    directoryUrl: pebble.directoryUrl,
    caFile: pebble.rootCertificatePath,
    root: pebble.readRoot,
    async sayRenewalInfo(certificate, info) {
      const ARIResponse = typeof info === "string" ? info : JSON.stringify(info);
      await manage("set-renewal-info/", {
        method: "POST",
        body: JSON.stringify({ Certificate: certificate, ARIResponse }),
      });
    },
    async statusOf(serialNumber) {
      const answer = await manage(`cert-status-by-serial/${serialNumber.toLowerCase()}`, { method: "GET" });
      return statusSchema.parse(JSON.parse(answer)).Status;
    },
    async stop() {
      await dispatcher.close();
      await pebble.stop();
    },
  };

  async function manage(path: string, options: { method: "GET" } | { method: "POST"; body: string }): Promise<string> {
    const { statusCode, body } = await request(`${pebble.managementUrl}/${path}`, {
      // RFC 8555 §6.1: Pebble refuses who has none, on this door too.
      ...{ dispatcher, headers: { "user-agent": "test" } },
      ...options,
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`Pebble answers ${statusCode} to ${path}: ${text}`);
    return text;
  }
}

const statusSchema = z.object({ Status: z.enum(["Valid", "Revoked"]) });
