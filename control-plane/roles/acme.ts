// Automatic certificates as the settings say: whom to ask, and how names are proven.
import { readFileSync } from "node:fs";
import { ConfigError } from "../../platform/config.ts";
import type { Part } from "../../platform/lifecycle.ts";
import type { Logger } from "../../platform/log.ts";
import type { Seal } from "../../platform/seal.ts";
import type { ControlPlaneConfig } from "../config.ts";
import { type AcmeSettings, type AuthoritySettings, createAcme } from "../domains/acme/index.ts";
import { ensurePlatformCertificate, platformCertificateNames } from "../domains/certificate/index.ts";
import type { AppendSettings } from "../domains/feed/index.ts";
import type { JobHandler } from "../jobs/define-job.ts";
import { openResolver, openZoneUpdater } from "./dns.ts";

export interface OpenAcme {
  readonly handlers: readonly JobHandler[];
  /** Starts to look after orders; the platform's own certificate is among them where its zone takes updates. */
  start(): Promise<Part>;
}

type AcmeSurroundings = AppendSettings & Pick<AcmeSettings, "precheck"> & { readonly seal: Seal; readonly log: Logger };

export function openAcme(config: ControlPlaneConfig, surroundings: AcmeSurroundings): OpenAcme {
  const { db, clock } = surroundings;
  const updater = openZoneUpdater(config);
  const authority = authorityOf(config);
  const acme = createAcme({
    ...surroundings,
    ...{ authority, updater, resolver: openResolver(config), zone: config.PLATFORM_ZONE },
    caaIdentities: config.ACME_CAA_IDENTITIES,
    limits: { ordersPerAccount: config.ACME_ORDERS_MAX, certificatesPerDomain: config.ACME_CERTIFICATES_MAX },
  });
  return {
    handlers: acme.handlers,
    start: async () => {
      const names = platformCertificateNames(config.PLATFORM_ZONE);
      if (authority !== undefined && updater !== undefined)
        await ensurePlatformCertificate(db, { names, now: clock() });
      return acme.startRunner?.() ?? { name: "certificate orders", stop: async () => {} };
    },
  };
}

function authorityOf(config: ControlPlaneConfig): AuthoritySettings | undefined {
  const { ACME_DIRECTORY_URL: directoryUrl, ACME_CA_FILE: rootFile, ACME_EMAIL: email, ACME_PROFILE: profile } = config;
  if (directoryUrl === undefined) return undefined;
  const root = rootFile === undefined ? undefined : readRoot(rootFile);
  return { directoryUrl, root, email, profile, externalAccount: externalAccountOf(config) };
}

function readRoot(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`ACME_CA_FILE: ${file} cannot be read.`, { cause: error });
  }
}

function externalAccountOf({ ACME_EAB_KEY_ID: keyId, ACME_EAB_HMAC_KEY: hmacKey }: ControlPlaneConfig) {
  if (keyId === undefined && hmacKey === undefined) return undefined;
  if (keyId === undefined || hmacKey === undefined)
    throw new ConfigError(
      "ACME_EAB_KEY_ID and ACME_EAB_HMAC_KEY: the authority gives out both, and both are required.",
    );
  return { keyId, hmacKey };
}
