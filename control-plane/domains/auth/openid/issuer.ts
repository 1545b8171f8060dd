// The OpenID issuer that the configuration names: where a person is sent, and what it says of them afterwards. Authorization
// code with PKCE; the signature of its word is checked, though it comes over TLS.
import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientError,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  ResponseBodyError,
} from "openid-client";
import { z } from "zod";
import type { Logger } from "../../../../platform/log.ts";
import { Problem } from "../../../../platform/problem.ts";
import { unavailable } from "../../../http/problems.ts";
import { openidRefused } from "../problems.ts";

const TIMEOUT_S = 10;
/** Issuers move their endpoints about once in their life. */
const DISCOVERED_FOR_MS = 60 * 60_000;
const DEPENDENCY = "identity provider";

export interface IssuerSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** Where the person comes back to. */
  readonly redirectUri: string;
  readonly clock: () => Date;
  readonly log: Logger;
}

/** What this browser brings back to prove that it was sent. */
export interface Flow {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string().min(1).max(255),
  email: z.string().optional().catch(undefined),
  email_verified: z.boolean().optional().catch(undefined),
  name: z.string().optional().catch(undefined),
  preferred_username: z.string().optional().catch(undefined),
});
export type Claims = z.output<typeof claimsSchema>;

export type OpenIdIssuer = ReturnType<typeof createOpenIdIssuer>;

export function createOpenIdIssuer(settings: IssuerSettings) {
  const { redirectUri, clock, log } = settings;
  let known: { configuration: Promise<Configuration>; untilMs: number } | undefined;

  /** Asked for when the first person comes: we start, and everybody else logs in, while it is away. */
  async function configuration(): Promise<Configuration> {
    const now = clock().getTime();
    if (known === undefined || known.untilMs <= now) {
      known = { configuration: discover(settings), untilMs: now + DISCOVERED_FOR_MS };
    }
    try {
      return await known.configuration;
    } catch (error) {
      known = undefined;
      throw unavailable(DEPENDENCY, error);
    }
  }

  async function authorizationUrl({ state, nonce, verifier }: Flow): Promise<URL> {
    return buildAuthorizationUrl(await configuration(), {
      redirect_uri: redirectUri,
      scope: "openid email profile",
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state,
      nonce,
    });
  }

  /** What the issuer says of the person who came back with these parameters. */
  async function claimsOf(parameters: URLSearchParams, { state, nonce, verifier }: Flow): Promise<Claims> {
    const config = await configuration();
    const current = new URL(redirectUri);
    current.search = parameters.toString();
    try {
      const tokens = await authorizationCodeGrant(config, current, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      });
      const claims = claimsSchema.parse(tokens.claims());
      // Many issuers tell the address here alone.
      const isMissing = claims.email === undefined && config.serverMetadata().userinfo_endpoint !== undefined;
      const more = isMissing ? await fetchUserInfo(config, tokens.access_token, claims.sub) : {};
      return claimsSchema.parse({ ...more, ...definedOf(claims) });
    } catch (error) {
      throw problemOf(error, log);
    }
  }

  return { authorizationUrl, claimsOf };
}

async function discover({ issuer, clientId, clientSecret }: IssuerSettings): Promise<Configuration> {
  const url = new URL(issuer);
  // The setting lets plain HTTP through for loopback alone.
  const plain = url.protocol === "http:" ? [allowInsecureRequests] : [];
  const execute = [...plain, enableNonRepudiationChecks];
  return discovery(url, clientId, clientSecret, undefined, { execute, timeout: TIMEOUT_S });
}

function problemOf(error: unknown, log: Logger): Problem {
  const isItsWord =
    error instanceof AuthorizationResponseError || error instanceof ResponseBodyError || error instanceof ClientError;
  if (!isItsWord) return unavailable(DEPENDENCY, error);
  // Perhaps the person said no, perhaps the client's secret is wrong: whoever runs this can tell from here.
  log.warn({ error }, "an issuer's answer was not accepted");
  return new Problem(openidRefused, "The other side did not say who you are. Begin again.", { cause: error });
}

function definedOf(claims: Claims): Partial<Claims> {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}
