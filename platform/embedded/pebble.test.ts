// The embedded Pebble: an ACME directory over TLS that its root certificate vouches for.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "undici";
import { afterAll, expect, test } from "vitest";
import { createLogger } from "../log.ts";
import { startPebble } from "./pebble.ts";
import { testTools } from "./test-services.ts";

const log = createLogger({ role: "test", level: "silent" });
const folder = mkdtempSync(join(tmpdir(), "edgewright-pebble-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the directory is served at the same address each time, trusted by the root certificate alone", async () => {
  const command = (await testTools()).command("pebble");
  const first = await startPebble({ folder, log, command, httpPort: 8000 });
  await first.part.stop();
  const second = await startPebble({ folder, log, command, httpPort: 8000 });
  expect(second.directoryUrl).toBe(first.directoryUrl);
  const trusting = new Agent({ connect: { ca: readFileSync(second.rootCertificatePath, "utf8") } });
  const { statusCode, body } = await request(second.directoryUrl, { dispatcher: trusting });
  expect(statusCode).toBe(200);
  expect(await body.json()).toMatchObject({
    newOrder: expect.stringMatching(/^https:/),
    renewalInfo: expect.any(String),
  });
  await trusting.close();
  await expect(request(second.directoryUrl)).rejects.toThrow(/self.signed/);
  await second.part.stop();
});
