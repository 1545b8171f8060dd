// The OpenID issuer that the configuration names, if it names one.
import { ConfigError } from "../../platform/config.ts";
import type { Logger } from "../../platform/log.ts";
import { type ControlPlaneConfig, publicUrlOf } from "../config.ts";
import { createOpenIdIssuer, openidCallbackPath } from "../domains/auth/index.ts";

export function issuerOf(config: ControlPlaneConfig, { clock, log }: { clock: () => Date; log: Logger }) {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret } = config;
  if (issuer === undefined) return undefined;
  if (clientId === undefined) {
    throw new ConfigError("OIDC_CLIENT_ID: is required with OIDC_ISSUER: it is how the issuer knows us.");
  }
  const redirectUri = new URL(openidCallbackPath, publicUrlOf(config)).href;
  return createOpenIdIssuer({ issuer, clientId, clientSecret, redirectUri, clock, log });
}
