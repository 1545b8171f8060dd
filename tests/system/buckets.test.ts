// A customer's S3 bucket through every room: the API takes the key, the edge signs with it, and between the two nobody can
// read it.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Swift, startSwift } from "../peers/swift.ts";
import { apiAt, eventually, register } from "./api.ts";
import { type Product, productEnvironment, startProduct, temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

const HOST = "bucket.example.com";
const created = z.object({ id: z.uuid(), origin: z.array(z.object({ id: z.uuid() })).min(1) });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let product: Product;
let swift: Swift;
let customer: Awaited<ReturnType<typeof register>>;
let place: string;

beforeAll(async () => {
  swift = await startSwift({ secretAccessKey: "a-secret-that-is-nowhere-else" });
  await putObjects("/one.txt", "/two.txt", "/three.txt");
  folder = await temporaryFolder("buckets");
  product = await startProduct(await productEnvironment(folder.path));
  customer = await register(apiAt(product.apiUrl));
  const { endpoint, bucket, region, accessKeyId, secretAccessKey } = swift.settings;
  const { id, origin } = await customer.expect(201, created, "POST", "/api/v1/distributions", {
    domain: HOST,
    origin_type: "s3",
    origin: {
      ...{ type: "s3", s3_type: "other", url: endpoint, s3_bucket_name: bucket, s3_region: region },
      ...{ s3_access_key_id: accessKeyId, s3_secret_key: secretAccessKey },
    },
  });
  place = `/api/v1/distributions/${id}/origins/${origin[0]?.id}`;
}, 240_000);

afterAll(async () => {
  await product?.stop();
  await swift?.stop();
  await folder?.remove();
});

async function putObjects(...paths: string[]): Promise<void> {
  const { endpoint, region, bucket: Bucket, ...credentials } = swift.settings;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  for (const path of paths) {
    await client.send(new PutObjectCommand({ Bucket, Key: path.slice(1), Body: `content of ${path}` }));
  }
  client.destroy();
}

test("a distribution with a bucket is served, and its list is not", async () => {
  const answer = await eventually(async () => {
    const seen = await view(product.edge, HOST, "/one.txt");
    expect(seen.status).toBe(200);
    return seen;
  });
  expect(answer.body).toBe("content of /one.txt");
  expect((await view(product.edge, HOST, "/?list-type=2")).status).toBe(404);
});

test("another key holds at once: a wrong one is refused by the storage, the right one is not", async () => {
  await customer.expect(200, z.object({}), "PATCH", place, { s3_secret_key: "not-the-right-one" });
  await eventually(async () => {
    expect((await view(product.edge, HOST, `/two.txt?${Date.now()}`)).status).toBe(403);
  });
  const { secretAccessKey } = swift.settings;
  await customer.expect(200, z.object({}), "PATCH", place, { s3_secret_key: secretAccessKey });
  await eventually(async () => {
    expect((await view(product.edge, HOST, `/three.txt?${Date.now()}`)).body).toBe("content of /three.txt");
  });
});

test("no file of the platform or of the edge, no answer of the API and no log holds the key", async () => {
  const { secretAccessKey } = swift.settings;
  const entries = await readdir(folder.path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  expect(files.length).toBeGreaterThan(500);
  const holding: string[] = [];
  for (const file of files) {
    // Sockets and files that Postgres has just removed are none.
    const content = await readFile(file).catch(() => Buffer.alloc(0));
    if (content.includes(secretAccessKey)) holding.push(file);
  }
  expect(holding).toEqual([]);
  const { body } = await customer.call("GET", place);
  expect(JSON.stringify(body)).not.toContain(secretAccessKey);
  expect(product.output()).not.toContain(secretAccessKey);
});
