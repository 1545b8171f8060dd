// S3 buckets as origins, asked of a server that really checks signatures: OpenStack Swift with its S3 door.
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredOrigin } from "../edge-templates/index.ts";
import { exampleCacheRule } from "../edge-templates/test-examples.ts";
import { type Swift, startSwift } from "../tests/peers/swift.ts";
import { startTestEdge, type TestEdge } from "./test-edge.ts";
import { aDistribution, anOrigin, createTestFeed } from "./test-feed.ts";
import { startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { type Asked, ask } from "./test-viewer.ts";

const feed = createTestFeed();
let edge: TestEdge;
let swift: Swift;
let port: number;
let recorder: TestOrigin;

const SECRET_ID = "11111111-1111-4111-8111-111111111111";
const WRONG_SECRET_ID = "22222222-2222-4222-8222-222222222222";
const LARGE = Buffer.alloc(3_000_000, "0123456789");

beforeAll(async () => {
  swift = await startSwift();
  port = Number(new URL(swift.settings.endpoint).port);
  edge = await startTestEdge({ state: { trust: feed.trust } });
  recorder = await startTestOrigin();
  await fill();
  const { body } = await edge.control(
    "PUT",
    "/secrets",
    JSON.stringify({ [SECRET_ID]: swift.settings.secretAccessKey, [WRONG_SECRET_ID]: "not the secret" }),
  );
  expect(body).toEqual({});
  await serve("bucket.test", {});
}, 240_000);

afterAll(async () => {
  await Promise.all([edge?.stop(), swift?.stop(), recorder?.stop()]);
});

const KEYS = ["plain.txt", "a b/c+d (e)!*'.txt", "käse/日本.txt", "percent%25.txt", "q?uestion=1&x", "x;y=z:@,$.txt"];

async function fill(): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey, bucket } = swift.settings;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  for (const Key of KEYS) {
    const command = { Bucket: bucket, Key, Body: `content of ${Key}`, Metadata: { note: "kept" } };
    await client.send(new PutObjectCommand({ ...command, CacheControl: "max-age=60", ContentType: "text/plain" }));
  }
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: "large.bin", Body: LARGE }));
  await client.send(new CreateBucketCommand({ Bucket: "another" }));
  await client.send(new PutObjectCommand({ Bucket: "another", Key: "plain.txt", Body: "of another bucket" }));
  client.destroy();
}

function aBucket(fields: Partial<DesiredOrigin> & { name?: string; secretId?: string; accessKeyId?: string } = {}) {
  const { name = swift.settings.bucket, secretId = SECRET_ID, accessKeyId, ...rest } = fields;
  const { region } = swift.settings;
  return anOrigin({
    host: "s3.test",
    port,
    hostHeader: `s3.test:${port}`,
    bucket: { name, region, style: "path", accessKeyId: accessKeyId ?? swift.settings.accessKeyId, secretId },
    ...rest,
  });
}

async function serve(host: string, ...origins: Parameters<typeof aBucket>[0][]): Promise<void> {
  const buckets = origins.map(aBucket);
  await edge.pin(Object.fromEntries(buckets.map((origin) => [`${origin.host}:${origin.port}`, ["127.0.0.1"]])));
  const { body } = await edge.apply([feed.put(aDistribution({ hosts: [host], origins: buckets }))]);
  expect(body).toMatchObject({ refused: [] });
}

const get = (path: string, asked: Partial<Asked> = {}) => ask(edge, { host: "bucket.test", path, ...asked });

test.each(KEYS)("the object %s is fetched by a signed request, then answered from the cache", async (key) => {
  const path = `/${key.split("/").map(encodeURIComponent).join("/")}`;
  const first = await get(path);
  expect([first.status, first.body, first.headers["x-cache"]]).toEqual([200, `content of ${key}`, "MISS"]);
  expect(first.headers["content-type"]).toBe("text/plain");
  expect((await get(path)).headers["x-cache"]).toBe("HIT");
});

test("however a viewer escapes a name, it is the same object", async () => {
  expect((await get("/%70lain.txt")).body).toBe("content of plain.txt");
  expect((await get("/a%20b/c+d%20(e)!*'.txt")).body).toBe("content of a b/c+d (e)!*'.txt");
  expect((await get("/x;y=z:@,$.txt")).body).toBe("content of x;y=z:@,$.txt");
});

test("what the customer wrote on the object is shown, what S3 says of itself is not", async () => {
  const { headers } = await get("/plain.txt");
  expect(headers["x-amz-meta-note"]).toBe("kept");
  expect(headers["cache-control"]).toBe("max-age=60");
  const extensions = Object.keys(headers).filter((name) => name.startsWith("x-"));
  expect(extensions.sort()).toEqual(["x-amz-meta-note", "x-cache", "x-request-id"]);
});

test("HEAD, ranges and conditions work", async () => {
  const head = await get("/large.bin", { curl: ["--head"] });
  expect([head.status, head.headers["content-length"], head.body]).toEqual([200, String(LARGE.length), ""]);
  const part = await get("/large.bin", { headers: ["Range: bytes=1000000-1000009"] });
  expect([part.status, part.body]).toEqual([206, "0123456789"]);
  const { headers } = await get("/plain.txt");
  const again = await get("/plain.txt", { headers: [`If-None-Match: ${headers.etag}`] });
  expect(again.status).toBe(304);
});

test("the list of a bucket is never shown", async () => {
  for (const path of ["/", "/?list-type=2", "/?prefix=a", "/?uploads", "/?acl", "/?location", "/?versions"]) {
    const answer = await get(path);
    expect([path, answer.status]).toEqual([path, 404]);
    expect(answer.body).not.toContain("ListBucketResult");
  }
  for (const path of ["//", "/%20", "/..%2f", "/.", "/x/../"]) {
    const answer = await get(path);
    expect([path, answer.status >= 400 && answer.status < 500]).toEqual([path, true]);
    expect(answer.body).not.toMatch(/ListBucketResult|<Key>/);
  }
});

test("a query selects nothing: the object itself is answered", async () => {
  for (const query of [
    "acl",
    "tagging",
    "versionId=1",
    "response-content-type=text/html",
    "X-Amz-Algorithm=x",
    "partNumber=1",
  ]) {
    const answer = await get(`/plain.txt?${query}`);
    expect([query, answer.status, answer.body]).toEqual([query, 200, "content of plain.txt"]);
    expect(answer.headers["content-type"]).toBe("text/plain");
  }
});

test.each(["PUT", "POST", "DELETE", "OPTIONS", "PATCH"])("%s is not for buckets", async (method) => {
  const answer = await get("/plain.txt", { curl: ["-X", method, "--data-raw", "overwritten"] });
  expect([answer.status, answer.headers.allow]).toEqual([405, "GET, HEAD"]);
  expect((await get(`/plain.txt?after-${method}`)).body).toBe("content of plain.txt");
});

test("a GET with a body is refused", async () => {
  expect((await get("/plain.txt", { curl: ["-X", "GET", "--data-raw", "a=1"] })).status).toBe(400);
});

test("what is not cached is signed and stripped like all else", async () => {
  const cacheRules = [{ ...exampleCacheRule, mode: "bypass" as const }];
  await edge.apply([feed.put(aDistribution({ hosts: ["bypass.test"], origins: [aBucket()], cacheRules }))]);
  const answer = await ask(edge, { host: "bypass.test", path: "/plain.txt?acl" });
  expect([answer.status, answer.body, answer.headers["x-cache"]]).toEqual([200, "content of plain.txt", "BYPASS"]);
  expect(answer.headers["x-trans-id"]).toBeUndefined();
  const list = await ask(edge, { host: "bypass.test", path: "/?list-type=2" });
  expect(list.status).toBe(404);
  const missing = await ask(edge, { host: "bypass.test", path: "/missing.txt" });
  expect([missing.status, missing.body.includes("<Code>")]).toEqual([404, false]);
  expect((await ask(edge, { host: "bypass.test", path: "/plain.txt", curl: ["--head"] })).status).toBe(200);
});

test("an object that is not there is a short page without the bucket's name, and so is a wrong key", async () => {
  await serve("wrong-key.test", { secretId: WRONG_SECRET_ID });
  await serve("wrong-id.test", { accessKeyId: "nobody:atall" });
  for (const [host, path, status] of [
    ["bucket.test", "/missing.txt", 404],
    ["wrong-key.test", "/plain.txt", 403],
    ["wrong-id.test", "/plain.txt", 403],
  ] as const) {
    const answer = await ask(edge, { host, path });
    expect([host, answer.status, answer.headers["content-type"]]).toEqual([host, status, "text/html; charset=utf-8"]);
    expect(answer.body).not.toMatch(/edgewright|tester|AWS4|Signature|<Code>/i);
  }
});

test("a bucket whose secret is not here (yet) is not asked, and asked as soon as it is", async () => {
  const id = "33333333-3333-4333-8333-333333333333";
  await serve("early.test", { secretId: id });
  expect((await ask(edge, { host: "early.test", path: "/plain.txt" })).status).toBe(502);
  await edge.control("PUT", "/secrets", JSON.stringify({ [id]: swift.settings.secretAccessKey }));
  expect((await ask(edge, { host: "early.test", path: "/plain.txt" })).body).toBe("content of plain.txt");
  await edge.control("PUT", "/secrets", JSON.stringify({ [id]: false }));
  expect((await ask(edge, { host: "early.test", path: "/plain.txt?again" })).status).toBe(502);
});

test("when one bucket fails, another of another name is asked, signed anew", async () => {
  await serve(
    "two.test",
    { host: "dead.test", port: 1, hostHeader: "dead.test:1" },
    { name: "another", primary: false },
  );
  expect((await ask(edge, { host: "two.test", path: "/plain.txt" })).body).toBe("of another bucket");
});

test("what a viewer says to S3 stays at the edge", async () => {
  await serve("recorded.test", { host: "recorder.test", port: recorder.port, hostHeader: "recorder.test" });
  await ask(edge, {
    host: "recorded.test",
    path: "/plain.txt?X-Amz-Signature=1",
    headers: ["Authorization: Bearer viewer", "Cookie: a=b", "X-Amz-Security-Token: t", "X-Amz-Copy-Source: /a/b"],
  });
  const [seen] = recorder.seen;
  expect(seen?.url).toBe("/edgewright/plain.txt");
  expect(seen?.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=test:tester\/\d{8}\/us-east-1\/s3\/aws4_request,/,
  );
  expect(
    Object.keys(seen?.headers ?? {})
      .filter((name) => name.startsWith("x-amz-"))
      .sort(),
  ).toEqual(["x-amz-content-sha256", "x-amz-date"]);
  expect(seen?.headers.cookie).toBeUndefined();
});

test("virtual hosts are signed by their own name, without the bucket in the path", async () => {
  const bucket = { ...aBucket().bucket, style: "virtual" } as const;
  await serve("virtual.test", {
    ...{ host: "files.recorder.test", port: recorder.port, hostHeader: "files.recorder.test" },
    bucket: { name: "files", region: "eu-central-1", accessKeyId: "AKIA", secretId: SECRET_ID, style: bucket.style },
  });
  recorder.seen.length = 0;
  await ask(edge, { host: "virtual.test", path: "/plain.txt" });
  expect([recorder.seen[0]?.url, recorder.seen[0]?.headers.host]).toEqual(["/plain.txt", "files.recorder.test"]);
});

test("a redirect to another region is an error of the origin, not a way past the edge", async () => {
  recorder.handle((_, response) =>
    response
      .writeHead(301, { location: "https://files.s3.amazonaws.com/plain.txt", "x-amz-bucket-region": "eu" })
      .end(),
  );
  await serve("region.test", { host: "recorder.test", port: recorder.port, hostHeader: "recorder.test" });
  const answer = await ask(edge, { host: "region.test", path: "/plain.txt" });
  expect([answer.status, answer.headers.location, answer.headers["x-amz-bucket-region"]]).toEqual([
    502,
    undefined,
    undefined,
  ]);
});

test("no secret is in the log, in the state or in a document", async () => {
  const { secretAccessKey } = swift.settings;
  const wrong = await edge.control("PUT", "/secrets", JSON.stringify({ short: secretAccessKey }));
  expect([wrong.status, JSON.stringify(wrong.body)]).toEqual([400, '{"error":"a secret is named by its id"}']);
  const places = [await edge.errorLog(), JSON.stringify((await edge.control("GET", "/state")).body)];
  for (const text of places) expect(text).not.toContain(secretAccessKey);
});
