// A strict S3 server: OpenStack Swift with s3api, from Debian's packages, in one process that dies with the test's.
// It checks signatures and hashes, which most imitations of S3 do not.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { type Child, startChild } from "../../platform/embedded/child.ts";
import { type DebianTools, openDebianTools } from "../../platform/embedded/debian.ts";
import { testTools } from "../../platform/embedded/test-services.ts";
import { createLogger } from "../../platform/log.ts";
import type { S3Settings } from "../../platform/object-storage/s3.ts";

export interface Swift {
  /** An empty bucket and who may use it. */
  readonly settings: S3Settings;
  stop(): Promise<void>;
}

const SERVER = fileURLToPath(new URL("swift-in-one-process.py", import.meta.url));
const LISTENING = /^listening (\d+)$/m;
const log = createLogger({ role: "test", level: "silent" });

/** With another secret key, a test can look for it. */
export async function startSwift({ secretAccessKey = "testing" } = {}): Promise<Swift> {
  const tools = await swiftTools();
  const folder = mkdtempSync(join(tmpdir(), "edgewright-swift-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const credentials = { accessKeyId: ACCESS_KEY_ID, secretAccessKey };
    const { child, port } = await startServer(tools, folder, credentials);
    const settings = {
      ...credentials,
      endpoint: `http://127.0.0.1:${port}`,
      bucket: "edgewright",
      region: "us-east-1",
    };
    await createBucket(settings);
    return {
      settings,
      async stop() {
        await child.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** 42 MB, fetched once per machine. */
async function swiftTools(): Promise<DebianTools> {
  const folder = dirname((await testTools()).folder);
  return openDebianTools({ folder, packages: ["python3", "python3-swift"], log });
}

const ACCESS_KEY_ID = "test:tester";

async function startServer(
  tools: DebianTools,
  folder: string,
  { accessKeyId, secretAccessKey }: Pick<S3Settings, "accessKeyId" | "secretAccessKey">,
): Promise<{ child: Child; port: number }> {
  const logFile = join(folder, "swift.log");
  const child = await startChild({
    name: "swift",
    command: [...tools.command("python3"), SERVER, folder, accessKeyId, secretAccessKey],
    env: {
      PYTHONHOME: tools.path("usr"),
      PYTHONPATH: tools.path("usr/lib/python3/dist-packages"),
      // Python's cryptography insists on a provider that lies where the machine's own OpenSSL would have it, or not.
      CRYPTOGRAPHY_OPENSSL_NO_LEGACY: "1",
    },
    logFile,
    ready: { kind: "line", pattern: LISTENING },
    log,
  });
  return { child, port: Number(LISTENING.exec(readFileSync(logFile, "utf8"))?.[1]) };
}

async function createBucket({ endpoint, region, bucket, ...credentials }: S3Settings): Promise<void> {
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } finally {
    client.destroy();
  }
}
