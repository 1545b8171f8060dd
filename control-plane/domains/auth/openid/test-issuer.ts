// A real OpenID provider on loopback, and a browser that follows redirects with its cookies. Tests only.
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const TIMEOUT_MS = 10_000;
const TTL_S = 600;

export interface TestIssuer {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who sits in front of the browser, with what the issuer says of them. */
  person: Record<string, unknown> & { sub: string };
  /** They say no. */
  isUnwilling: boolean;
  stop(): Promise<void>;
}

export async function startTestIssuer(redirectUri: string): Promise<TestIssuer> {
  const [clientId, clientSecret] = ["edgewright", "a-secret-of-32-characters-or-more"];
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the issuer has no port");
  const url = `http://127.0.0.1:${address.port}`;
  const provider = new Provider(url, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"] },
    cookies: { keys: ["for-tests-alone"] },
    jwks: { keys: [newKey()] },
    ttl: {
      AccessToken: TTL_S,
      AuthorizationCode: TTL_S,
      Grant: TTL_S,
      IdToken: TTL_S,
      Interaction: TTL_S,
      Session: TTL_S,
    },
    features: { devInteractions: { enabled: false } },
    findAccount: (_context, sub) => ({ accountId: sub, claims: async () => issuer.person }),
    // Whoever logs in agrees to what we ask for.
    loadExistingGrant: async (context) => {
      const { client, session } = context.oidc;
      if (client === undefined || session?.accountId === undefined) return undefined;
      const grant = new context.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on("request", (request, response) => {
    if (!request.url?.startsWith("/interaction/")) return void answer(request, response);
    const said = issuer.isUnwilling ? { error: "access_denied" } : { login: { accountId: issuer.person.sub } };
    void provider.interactionFinished(request, response, said);
  });
  const issuer: TestIssuer = {
    ...{ url, clientId, clientSecret, person: { sub: "nobody" }, isUnwilling: false },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return issuer;
}

export interface Browser {
  /** Follows redirects until a page comes; `stopAt` ends it before that URL is opened. */
  open(url: string, options?: { stopAt?: string }): Promise<{ url: URL; status: number; html: string }>;
}

/** One person's, with one jar of cookies. What is said to be at `publicUrl` is at `url`. */
export function createBrowser({ publicUrl, url: servedAt }: { publicUrl: string; url: string }): Browser {
  const jar = new Map<string, string>();
  return {
    async open(start, { stopAt } = {}) {
      let url = new URL(start);
      for (let hops = 0; hops < 10; hops += 1) {
        if (stopAt !== undefined && url.href.startsWith(stopAt)) return { url, status: 0, html: "" };
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
        const headers = cookie === "" ? {} : { cookie };
        const reply = await fetch(url.href.replace(publicUrl, servedAt), {
          headers,
          redirect: "manual",
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        for (const line of reply.headers.getSetCookie()) keep(jar, line);
        const location = reply.headers.get("location");
        if (location === null) return { url, status: reply.status, html: await reply.text() };
        await reply.body?.cancel();
        url = new URL(location, url);
      }
      throw new Error("the browser was sent in circles");
    },
  };
}

function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kty: "RSA", use: "sig", alg: "RS256" };
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = "", ...attributes] = line.split("; ");
  const [name = "", value = ""] = pair.split(/=(.*)/s);
  const isAway = value === "" || attributes.some((attribute) => attribute.toLowerCase() === "max-age=0");
  if (isAway) jar.delete(name);
  else jar.set(name, value);
}
