// Picks the driver by the settings: an S3 server when S3_ENDPOINT names one, else files in DATA_DIR.
import { join } from "node:path";
import { ConfigError } from "../config.ts";
import { openFileStorage } from "./files.ts";
import { openS3Storage } from "./s3.ts";
import type { ObjectStorage } from "./storage.ts";

/** Named as in the configuration. */
export interface ObjectStorageSettings {
  readonly DATA_DIR: string;
  readonly S3_ENDPOINT?: string | undefined;
  readonly S3_BUCKET?: string | undefined;
  readonly S3_ACCESS_KEY_ID?: string | undefined;
  readonly S3_SECRET_ACCESS_KEY?: string | undefined;
  readonly S3_REGION: string;
}

export async function openObjectStorage(settings: ObjectStorageSettings): Promise<ObjectStorage> {
  const { S3_ENDPOINT: endpoint, S3_REGION: region } = settings;
  if (endpoint === undefined) return openFileStorage(join(settings.DATA_DIR, "objects"));
  const { S3_BUCKET: bucket, S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  if (bucket !== undefined && accessKeyId !== undefined && secretAccessKey !== undefined) {
    return openS3Storage({ endpoint, bucket, accessKeyId, secretAccessKey, region });
  }
  const missing = Object.entries({
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: accessKeyId,
    S3_SECRET_ACCESS_KEY: secretAccessKey,
  }).flatMap(([name, value]) => (value === undefined ? [name] : []));
  throw new ConfigError(`S3_ENDPOINT is set, so ${missing.join(", ")} must be set too.`);
}
