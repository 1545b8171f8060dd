// From `le_issue` to the first good handshake: a real authority that refuses half of all nonces looks through a real name server at
// a real edge, and the worker is killed in the middle.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { answerOf } from "../../client/index.ts";
import { startTestDoor, type TestDoor } from "../../control-plane/domains/acme/test-door.ts";
import { startTestPebble, type TestPebble } from "../../platform/embedded/test-pebble.ts";
import { type Knot, startKnot } from "../peers/knot.ts";
import { type Api, apiAt, register } from "./api.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { temporaryFolder } from "./product.ts";
import { type HttpVersion, view } from "./viewer.ts";

const WAIT = { timeout: 60_000, interval: 100 };
const ZONE = "platform.test";
const key = { algorithm: "hmac-sha256" as const, name: "updates", secret: randomBytes(32) };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let knot: Knot;
let pebble: TestPebble;
let door: TestDoor;
let origin: Origin;
let cluster: Cluster;
let customer: Api;
let root: string;
let rootFile: string;

beforeAll(async () => {
  folder = await temporaryFolder("acme");
  origin = await startOrigin();
  const here = ["* 60 A 127.0.0.1", "*.cdn 60 A 127.0.0.1"];
  const zones = { test: { records: [...here, "elsewhere 60 A 192.0.2.1"] }, [ZONE]: { records: here } };
  knot = await startKnot({ zones, key });
  cluster = await startCluster(folder.path, {
    settings: async ({ httpPort }) => {
      pebble = await startTestPebble({ httpPort, dnsServer: knot.address, nonceRejectPercent: 50 });
      door = await startTestDoor(pebble);
      return {
        ...{ ACME_DIRECTORY_URL: door.directoryUrl, ACME_CA_FILE: door.caFile, PLATFORM_ZONE: ZONE },
        ...{ DNS_SERVERS: knot.address, ACME_DNS_SERVER: knot.address, VALIDATION_HTTP_PORT: String(httpPort) },
        ACME_DNS_TSIG: `${key.algorithm}:${key.name}:${key.secret.toString("base64")}`,
      };
    },
  });
  root = await pebble.root();
  rootFile = join(folder.path, "root.pem");
  await writeFile(rootFile, root);
  customer = await register(apiAt(cluster.apiUrl));
});

afterAll(async () => {
  await cluster?.stop();
  await door?.stop();
  await pebble?.stop();
  await knot?.stop();
  await origin?.stop();
  await folder?.remove();
});

async function createSecured(domain: string) {
  const body = { domain, le_issue: true, origin: { url: origin.url } };
  return answerOf(await customer.client.POST("/api/v1/distributions", { body }));
}

/** By a viewer who trusts the authority, and nobody else. */
async function viewSafely(host: string, version: HttpVersion) {
  const args = ["--no-insecure", "--cacert", rootFile];
  return view(cluster.edge, host, "/", { version, secure: true, args });
}

test("a distribution with le_issue is served over HTTP/1.1, 2 and 3 with a certificate of the authority, though its worker was killed before it heard that it was issued", async () => {
  const answered = door.keepAnswer(/^\/finalize-order/);
  const { id, cname } = await createSecured("shop.test");
  await answered;
  await cluster.kill("worker:start");
  expect((await view(cluster.edge, "shop.test", "/")).status).toBe(200);
  await expect(viewSafely("shop.test", "http1.1")).rejects.toThrow(/certificate/);
  await cluster.start("worker:start");
  for (const version of ["http1.1", "http2", "http3-only"] as const) {
    await vi.waitFor(async () => expect((await viewSafely("shop.test", version)).status).toBe(200), WAIT);
  }
  // Names that the platform makes share its own.
  await vi.waitFor(async () => expect((await viewSafely(cname, "http2")).status).toBe(200), WAIT);
  const params = { path: { id } };
  const told = answerOf(await customer.client.GET("/api/v1/distributions/{id}", { params }));
  expect(told.certificate).toMatchObject({ status: "active", status_reason: null, is_automatic: true });
});

/** The serial number that a viewer who trusts the authority is shown; throws when the handshake fails. */
async function handshake(host: string): Promise<string> {
  const socket = connect({ port: cluster.edge.httpsPort, host: "127.0.0.1", servername: host, ca: root });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().serialNumber;
  } finally {
    socket.destroy();
  }
}

test("a certificate whose key is known to others is replaced without a failed handshake, and then revoked", async () => {
  const { certificate_id } = await createSecured("leaked.test");
  const params = { path: { id: certificate_id ?? "" } };
  const first = await vi.waitFor(() => handshake("leaked.test"), WAIT);
  const body = { reason: "key_compromise" as const, reissue: true };
  answerOf(await customer.client.POST("/api/v1/certificates/{id}/revoke", { params, body }));
  let shown = first;
  while (shown === first) shown = await handshake("leaked.test");
  await vi.waitFor(async () => expect(await pebble.statusOf(first)).toBe("Revoked"), WAIT);
  expect(await pebble.statusOf(shown)).toBe("Valid");
  const told = answerOf(await customer.client.GET("/api/v1/certificates/{id}", { params }));
  expect(told).toMatchObject({ status: "active", status_reason: null, serial: shown.toLowerCase() });
});

test("a name that leads elsewhere costs the authority nothing, and its owner reads what to do", async () => {
  door.asked.length = 0;
  const { certificate_id: id } = await createSecured("elsewhere.test");
  const params = { path: { id: id ?? "" } };
  await vi.waitFor(async () => {
    const { status, status_reason } = answerOf(await customer.client.GET("/api/v1/certificates/{id}", { params }));
    expect({ status, status_reason }).toEqual({
      status: "failed",
      status_reason: expect.stringContaining("elsewhere.test"),
    });
  }, WAIT);
  expect(door.asked.filter((path) => path === "/order-plz")).toEqual([]);
});
