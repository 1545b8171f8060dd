// Objects in a bucket of an S3 server: AWS's, or any that speaks its protocol.

import { Readable } from "node:stream";
import { DeleteObjectCommand, GetObjectCommand, HeadBucketCommand, NoSuchKey, S3Client } from "@aws-sdk/client-s3";
import { uploadStream } from "./s3-upload.ts";
import { assertKey, type Deadline, ObjectNotFound, type ObjectStorage } from "./storage.ts";

export interface S3Settings {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 60_000;
/** Without a byte in either direction. */
const IDLE_TIMEOUT_MS = 30_000;
const ATTEMPTS_MAX = 4;

export function openS3Storage(settings: S3Settings): ObjectStorage {
  const client = connect(settings);
  const bucket = settings.bucket;
  return {
    put: (key, body, options) => putObject(client, { bucket, key, body }, options),
    get: (key, options) => getObject(client, { bucket, key }, options),
    delete: async (key, options) => {
      assertKey(key);
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), abortOf(options));
    },
    check: async (signal) => {
      await client.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: signal });
    },
    stop: async () => client.destroy(),
  };
}

function connect(settings: S3Settings): S3Client {
  return new S3Client({
    region: settings.region,
    credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
    endpoint: settings.endpoint,
    // Other servers than AWS's are rarely given a DNS name per bucket.
    forcePathStyle: true,
    // The newer default, a CRC in a trailer, is refused by servers that do not know it yet.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: IDLE_TIMEOUT_MS,
    },
  });
}

async function putObject(
  client: S3Client,
  { bucket, key, body }: { bucket: string; key: string; body: Buffer | Readable },
  options: Deadline = {},
): Promise<void> {
  assertKey(key);
  const stream = Buffer.isBuffer(body) ? Readable.from([body]) : body;
  await uploadStream({ client, target: { Bucket: bucket, Key: key }, abort: abortOf(options) }, stream);
}

async function getObject(
  client: S3Client,
  { bucket, key }: { bucket: string; key: string },
  options: Deadline = {},
): Promise<Readable> {
  assertKey(key);
  try {
    const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), abortOf(options));
    if (answer.Body instanceof Readable) return answer.Body;
    throw new Error(`The S3 server's answer for ${key} has no body.`);
  } catch (error) {
    if (error instanceof NoSuchKey) throw new ObjectNotFound(key, error);
    throw error;
  }
}

function abortOf({ signal }: Deadline = {}): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
