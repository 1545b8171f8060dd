// One suite for both drivers: files, and S3 against a server that checks every signature.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Swift, startSwift } from "../../tests/peers/swift.ts";
import { openObjectStorage } from "./open.ts";
import { ObjectNotFound, type ObjectStorage } from "./storage.ts";

const MIB = 1024 * 1024;
const FETCH_TIMEOUT_MS = 300_000;
const soon = () => AbortSignal.timeout(10_000);

let swift: Swift;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "edgewright-objects-"));
  swift = await startSwift();
}, FETCH_TIMEOUT_MS);

afterAll(async () => {
  await swift?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function openS3(changes: { S3_SECRET_ACCESS_KEY?: string; S3_BUCKET?: string; S3_ENDPOINT?: string } = {}) {
  const { endpoint, bucket, accessKeyId, secretAccessKey, region } = swift.settings;
  return openObjectStorage({
    DATA_DIR: folder,
    S3_ENDPOINT: endpoint,
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: accessKeyId,
    S3_SECRET_ACCESS_KEY: secretAccessKey,
    S3_REGION: region,
    ...changes,
  });
}

const drivers = {
  files: () => openObjectStorage({ DATA_DIR: folder, S3_REGION: "us-east-1" }),
  S3: () => openS3(),
};

describe.each(Object.entries(drivers))("%s", (_name, open) => {
  let storage: ObjectStorage;

  beforeAll(async () => {
    storage = await open();
  });
  afterAll(() => storage.stop());

  test("what was put is got back, byte for byte", async () => {
    const body = randomBytes(100_000);
    await storage.put("feed/one/17", body);
    expect(await buffer(await storage.get("feed/one/17"))).toEqual(body);
  });

  test("a stream of unknown size, larger than one part, is one object", async () => {
    const pieces = Array.from({ length: 21 }, () => randomBytes(MIB + 7));
    await storage.put("feed/large", Readable.from(pieces));
    expect(Buffer.compare(await buffer(await storage.get("feed/large")), Buffer.concat(pieces))).toBe(0);
  });

  test("a stream that ends at a part's very end is one object, an empty one too", async () => {
    await storage.put("feed/exact", Readable.from([Buffer.alloc(16 * MIB, 1)]));
    expect(await buffer(await storage.get("feed/exact"))).toHaveLength(16 * MIB);
    await storage.put("feed/empty", Readable.from([]));
    expect(await buffer(await storage.get("feed/empty"))).toHaveLength(0);
  });

  test("a second put replaces the first", async () => {
    await storage.put("replaced", Buffer.from("first, and longer"));
    await storage.put("replaced", Buffer.from("second"));
    expect((await buffer(await storage.get("replaced"))).toString()).toBe("second");
  });

  test("an object and one below its name live side by side", async () => {
    await storage.put("side", Buffer.from("above"));
    await storage.put("side/by/side", Buffer.from("below"));
    expect((await buffer(await storage.get("side"))).toString()).toBe("above");
    expect((await buffer(await storage.get("side/by/side"))).toString()).toBe("below");
  });

  test("an absent object is ObjectNotFound", async () => {
    await expect(storage.get("absent")).rejects.toBeInstanceOf(ObjectNotFound);
    await expect(storage.get("absent/below")).rejects.toBeInstanceOf(ObjectNotFound);
  });

  test("a deleted object is gone, and deleting it again is no fault", async () => {
    await storage.put("deleted", Buffer.from("x"));
    await storage.delete("deleted");
    await storage.delete("deleted");
    await expect(storage.get("deleted")).rejects.toBeInstanceOf(ObjectNotFound);
  });

  test("a stream that fails midway leaves no object", async () => {
    await expect(storage.put("torn", Readable.from(failingPieces()))).rejects.toThrow("the source broke");
    await expect(storage.get("torn")).rejects.toBeInstanceOf(ObjectNotFound);
  });

  test("an aborted put leaves no object and does not wait for its source", async () => {
    const stop = new AbortController();
    const silent = new Readable({ read: () => stop.abort() });
    await expect(storage.put("aborted", silent, { signal: stop.signal })).rejects.toThrow(/abort/i);
    expect(silent.destroyed).toBe(true);
    await expect(storage.get("aborted")).rejects.toBeInstanceOf(ObjectNotFound);
  });

  test.each(["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a\0b", "a\nb", "ä", "a".repeat(201)])(
    "the key %j is refused",
    async (key) => {
      await expect(storage.put(key, Buffer.from("x"))).rejects.toBeInstanceOf(TypeError);
      await expect(storage.get(key)).rejects.toBeInstanceOf(TypeError);
      await expect(storage.delete(key)).rejects.toBeInstanceOf(TypeError);
    },
  );

  test("the check passes while objects can be stored", async () => {
    await expect(storage.check(soon())).resolves.toBeUndefined();
  });
});

test("an S3 upload that fails midway takes its parts back", async () => {
  const { endpoint, bucket, region, ...credentials } = swift.settings;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const storage = await openS3();
  await expect(storage.put("parts", Readable.from(failingPieces()))).rejects.toThrow("the source broke");
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  expect(Uploads).toEqual([]);
  client.destroy();
  await storage.stop();
});

describe("S3 settings that are wrong", () => {
  test("a wrong secret is refused by the server", async () => {
    const storage = await openS3({ S3_SECRET_ACCESS_KEY: "wrong" });
    await expect(storage.put("x", Buffer.from("x"))).rejects.toThrow(/signature/i);
    await expect(storage.check(soon())).rejects.toThrow();
    await storage.stop();
  });

  test("a bucket that is not there fails the check", async () => {
    const storage = await openS3({ S3_BUCKET: "nobodys" });
    await expect(storage.check(soon())).rejects.toThrow();
    await storage.stop();
  });

  test("a server that is not there fails the check", async () => {
    const storage = await openS3({ S3_ENDPOINT: "http://127.0.0.1:9" });
    await expect(storage.check(soon())).rejects.toThrow(/ECONNREFUSED/);
    await storage.stop();
  });

  test("an endpoint alone is refused with the names of what is missing", async () => {
    const settings = { DATA_DIR: folder, S3_ENDPOINT: swift.settings.endpoint, S3_REGION: "us-east-1" };
    await expect(openObjectStorage(settings)).rejects.toThrow(
      "S3_ENDPOINT is set, so S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY must be set too.",
    );
  });
});

async function* failingPieces() {
  yield randomBytes(9 * MIB);
  throw new Error("the source broke");
}
