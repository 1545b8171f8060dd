// How an edge becomes known and stays known.
import { createHash, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader, importX509, jwtVerify } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../platform/log.ts";
import { EDGE_TOKEN_AUDIENCE } from "../contract.ts";
import { type ControlPlane, createControlPlane } from "../control-plane-client.ts";
import { startTestControlPlane, type TestControlPlane } from "../test-control-plane.ts";
import { enrol, findIdentity, type Identity, storeCertificate } from "./identity.ts";
import { certificateRequest } from "./key.ts";
import { keepRenewed, renewalDueInMs } from "./renew.ts";
import { createTokenSource } from "./token.ts";

let controlPlane: TestControlPlane;
let client: ControlPlane;
let folder: string;
let identity: Identity;
const signal = AbortSignal.timeout(60_000);
const capabilities = { nginx: "1.26.3", http3: true, http2_directive: true, balancer_keepalive: true, brotli: true };
const DAY_MS = 24 * 3_600_000;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  folder = await mkdtemp(join(tmpdir(), "edgewright-identity-"));
  client = createControlPlane({ url: controlPlane.url, token: createTokenSource(() => identity) });
  identity = await enrolHere();
});

afterEach(async () => {
  await client.close();
  await controlPlane.stop();
  await rm(folder, { recursive: true });
});

function enrolHere(token = controlPlane.token): Promise<Identity> {
  return enrol(folder, { token, name: "an edge", capabilities }, (request) => client.enrol(request, signal));
}

test("the disk knows the edge after one enrolment, and keeps the key to itself", async () => {
  const found = await findIdentity(folder);
  expect(found).toMatchObject({
    edgeId: identity.edgeId,
    scope: controlPlane.scope,
    certificate: identity.certificate,
  });
  expect((await stat(join(folder, "key.pem"))).mode & 0o777).toBe(0o600);
  expect(found?.key.asymmetricKeyDetails?.modulusLength).toBe(2048);
});

test("a wrong token is refused with the control plane's words, and costs no new key", async () => {
  const key = await readFile(join(folder, "key.pem"), "utf8");
  await expect(enrolHere("another-token-of-twenty-letters")).rejects.toThrow("enrol was answered 401");
  expect(await readFile(join(folder, "key.pem"), "utf8")).toBe(key);
});

test("a token with a pin is answered by the authority of that pin, or not at all", async () => {
  const authority = new X509Certificate(controlPlane.authority).publicKey.export({ type: "spki", format: "der" });
  const pin = createHash("sha256").update(authority).digest("base64url");
  controlPlane.acceptToken(`${controlPlane.token}.${pin}`);
  expect((await enrolHere(`${controlPlane.token}.${pin}`)).scope).toBe(controlPlane.scope);
  controlPlane.acceptToken(`${controlPlane.token}.another`);
  await expect(enrolHere(`${controlPlane.token}.another`)).rejects.toThrow("is not the one");
});

test("each call carries a token of a minute, by the edge's own key, that is used again while it is fresh", async () => {
  const token = createTokenSource(() => identity);
  const text = await token();
  const [certificate = ""] = decodeProtectedHeader(text).x5c ?? [];
  expect(Buffer.from(certificate, "base64")).toEqual(new X509Certificate(identity.certificate).raw);
  const verified = await jwtVerify(text, await importX509(identity.certificate, "RS256"), {
    audience: EDGE_TOKEN_AUDIENCE,
  });
  expect(verified.payload.sub).toBe(identity.edgeId);
  const { iat = 0, exp = 0 } = decodeJwt(text);
  expect(exp - iat).toBe(60);
  expect(await token()).toBe(text);
});

test("a renewed certificate is used from the next call on, and found after a restart", async () => {
  const token = createTokenSource(() => identity);
  const before = await token();
  identity = await storeCertificate(folder, identity, await client.renew(csr(), signal));
  expect(await token()).not.toBe(before);
  expect((await findIdentity(folder))?.certificate).toBe(identity.certificate);
});

test("a certificate for another key is not taken", async () => {
  const other = await enrol(
    join(folder, "other"),
    { token: controlPlane.token, name: "other", capabilities },
    (request) => client.enrol(request, signal),
  );
  await expect(storeCertificate(folder, identity, other.certificate)).rejects.toThrow("not one for this edge's key");
});

test("a certificate is renewed at half of its life", () => {
  const now = Date.now();
  expect(renewalDueInMs(identity.certificate, now) / DAY_MS).toBeCloseTo(15, 0);
  expect(renewalDueInMs(identity.certificate, now + 16 * DAY_MS)).toBe(0);
});

test("the renewal goes on trying when the control plane does not answer, and stops when it is told to", async () => {
  const stopping = new AbortController();
  let asked = 0;
  const overdue = controlPlane.issueFor(csr(), { lifetimeMs: 1_000 });
  const renewed = keepRenewed(
    {
      identity: () => ({ ...identity, certificate: overdue }),
      send: async () => {
        asked += 1;
        stopping.abort();
        throw new Error("not now");
      },
      store: async () => {},
      isLacking: () => false,
      log: createLogger({ role: "test", level: "silent" }),
    },
    stopping.signal,
  );
  await renewed;
  expect(asked).toBe(1);
});

function csr(): string {
  return certificateRequest(identity.key, identity.edgeId);
}
