// A stream of unknown size as one object: in one request when it is small, else in parts that count only once all are
// there. A failed or aborted upload takes its parts back, since a bucket keeps them (and their cost) for ever.
import { addAbortSignal, type Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";

// S3 allows 10,000 parts, of at least 5 MiB but for the last: this one allows 80 GiB and is all that lies in memory.
const PART_BYTES = 8 * 1024 * 1024;
const TAKE_BACK_TIMEOUT_MS = 10_000;

interface StreamUpload {
  readonly client: S3Client;
  readonly target: { readonly Bucket: string; readonly Key: string };
  readonly abort: { readonly abortSignal?: AbortSignal };
}

export async function uploadStream(upload: StreamUpload, body: Readable): Promise<void> {
  if (upload.abort.abortSignal !== undefined) addAbortSignal(upload.abort.abortSignal, body);
  const parts = partsOf(body, PART_BYTES);
  try {
    const first = await parts.next();
    if (first.done === true || first.value.length < PART_BYTES) {
      const only = first.done === true ? Buffer.alloc(0) : first.value;
      await upload.client.send(new PutObjectCommand({ ...upload.target, Body: only }), upload.abort);
    } else {
      await uploadParts(upload, first.value, parts);
    }
  } finally {
    body.destroy();
  }
}

async function uploadParts(upload: StreamUpload, first: Buffer, rest: AsyncIterable<Buffer>): Promise<void> {
  const { client, target, abort } = upload;
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target), abort);
  try {
    const parts: CompletedPart[] = [];
    const send = async (bytes: Buffer) => {
      const PartNumber = parts.length + 1;
      const command = new UploadPartCommand({ ...target, UploadId, PartNumber, Body: bytes });
      const { ETag } = await client.send(command, abort);
      parts.push({ PartNumber, ETag });
    };
    await send(first);
    for await (const bytes of rest) await send(bytes);
    const complete = { ...target, UploadId, MultipartUpload: { Parts: parts } };
    await client.send(new CompleteMultipartUploadCommand(complete), abort);
  } catch (error) {
    await takeBack(client, { ...target, UploadId }, error);
    throw error;
  }
}

/** Under a deadline of its own: the caller's may be what ended the upload. */
async function takeBack(
  client: S3Client,
  upload: StreamUpload["target"] & { UploadId: string | undefined },
  cause: unknown,
): Promise<void> {
  try {
    const abortSignal = AbortSignal.timeout(TAKE_BACK_TIMEOUT_MS);
    await client.send(new AbortMultipartUploadCommand(upload), { abortSignal });
  } catch (failure) {
    throw new AggregateError([cause, failure], "An upload failed, and so did taking back its parts.", { cause });
  }
}

/** Buffers of exactly `bytes`, but for the last, which is not empty. */
async function* partsOf(body: Readable, bytes: number): AsyncGenerator<Buffer, undefined> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const piece of body) {
    const chunk: Buffer = Buffer.isBuffer(piece) ? piece : Buffer.from(piece);
    chunks.push(chunk);
    length += chunk.length;
    if (length < bytes) continue;
    let joined = Buffer.concat(chunks);
    for (; joined.length >= bytes; joined = joined.subarray(bytes)) yield joined.subarray(0, bytes);
    chunks = joined.length > 0 ? [joined] : [];
    length = joined.length;
  }
  if (length > 0) yield Buffer.concat(chunks);
  return undefined;
}
