// Certificates over the whole way: uploaded by a customer, attached to a distribution, shown by a real edge to a TLS client.
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createViewersAuthority } from "../../openresty/test-certificates.ts";
import { apiAt, eventually, register } from "./api.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { type Product, productEnvironment, startProduct, temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

const { root, issue } = createViewersAuthority();
const withId = z.looseObject({ id: z.uuid() });
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let product: Product;
let origin: Origin;
let customer: Awaited<ReturnType<typeof register>>;

beforeAll(async () => {
  folder = await temporaryFolder("certificates");
  origin = await startOrigin();
  product = await startProduct(await productEnvironment(folder.path));
  customer = await register(apiAt(product.apiUrl));
});

afterAll(async () => {
  await product?.stop();
  await origin?.stop();
  await folder?.remove();
});

function pairFor(...names: string[]) {
  const { chain, key } = issue({ names });
  return { certificate: chain, chain: root, private_key: key };
}

/** The fingerprint of what a viewer who trusts the authority is shown; throws when the handshake fails. */
async function handshake(host: string): Promise<string> {
  const socket = connect({ port: product.edge.httpsPort, host: "127.0.0.1", servername: host, ca: root });
  try {
    await once(socket, "secureConnect");
    return new X509Certificate(socket.getPeerCertificate(true).raw).fingerprint256.replaceAll(":", "").toLowerCase();
  } finally {
    socket.destroy();
  }
}

/** The files below the product's folder that hold the text. */
async function filesWith(text: string): Promise<readonly string[]> {
  const entries = await readdir(folder.path, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    // What is gone by now has been replaced.
    const content = await readFile(path).catch(() => Buffer.alloc(0));
    if (content.includes(text)) found.push(path);
  }
  return found;
}

test("a certificate is uploaded, attached, shown, replaced without a failed handshake, and taken away", async () => {
  const host = "shown.example.com";
  const uploaded = z.looseObject({ id: z.uuid(), fingerprint: z.string(), status: z.literal("active") });
  const first = await customer.expect(201, uploaded, "POST", "/api/v1/certificates", {
    ...pairFor(host),
    name: "mine",
  });
  const input = { domain: host, origin: { url: origin.url }, is_redirect_http_to_https: true };
  const { id } = await customer.expect(201, withId, "POST", "/api/v1/distributions", input);
  await eventually(async () => expect((await view(product.edge, host, "/plain")).status).toBe(200));
  await expect(handshake(host)).rejects.toThrow();

  const path = `/api/v1/distributions/${id}`;
  const attached = z.looseObject({ certificate: z.looseObject({ id: z.literal(first.id), name: z.literal("mine") }) });
  await customer.expect(200, attached, "PATCH", path, { certificate_id: first.id });
  expect(await eventually(() => handshake(host))).toBe(first.fingerprint);
  const answer = await view(product.edge, host, "/secure", { version: "http2" });
  expect([answer.status, answer.body]).toEqual([200, "origin says /secure"]);
  const led = await view(product.edge, host, "/plain");
  expect([led.status, led.headers.get("location")]).toEqual([301, `https://${host}:${product.edge.httpsPort}/plain`]);

  const replaced = await customer.expect(200, uploaded, "PATCH", `/api/v1/certificates/${first.id}`, pairFor(host));
  expect(replaced.fingerprint).not.toBe(first.fingerprint);
  // Every handshake on the way to the new one succeeds.
  const seen = new Set<string>();
  while (!seen.has(replaced.fingerprint)) seen.add(await handshake(host));
  expect([...seen].filter((one) => one !== replaced.fingerprint)).toEqual(seen.size === 1 ? [] : [first.fingerprint]);

  expect((await customer.call("DELETE", `/api/v1/certificates/${first.id}`)).status).toBe(409);
  expect((await customer.call("PATCH", path, { certificate_id: null })).status).toBe(200);
  await eventually(() => expect(handshake(host)).rejects.toThrow());
  await eventually(async () => expect((await view(product.edge, host, "/plain")).status).toBe(200));
  expect((await customer.call("DELETE", `/api/v1/certificates/${first.id}`)).status).toBe(204);
});

test("a private key lies nowhere in the plain: in no log, no database, no queue, and on no disk of an edge", async () => {
  const host = "sealed.example.com";
  const pair = pairFor(host);
  const uploaded = z.looseObject({ id: z.uuid(), fingerprint: z.string() });
  const { id, fingerprint } = await customer.expect(201, uploaded, "POST", "/api/v1/certificates", pair);
  const input = { domain: host, origin: { url: origin.url }, certificate_id: id };
  await customer.expect(201, withId, "POST", "/api/v1/distributions", input);
  expect(await eventually(() => handshake(host))).toBe(fingerprint);
  const lines = pair.private_key.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) {
    expect(await filesWith(line)).toEqual([]);
    expect(product.output()).not.toContain(line);
  }
  // The search finds what is there.
  expect((await filesWith(pair.certificate.split("\n")[1] ?? "")).length).toBeGreaterThan(0);
});
