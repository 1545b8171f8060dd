// The certificate authority of the tests keeps what it was told to be.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { startTestPebble, type TestPebble, type TestPebbleSettings } from "./test-pebble.ts";

async function pebbleThat(settings: TestPebbleSettings): Promise<TestPebble> {
  const pebble = await startTestPebble(settings);
  onTestFinished(() => pebble.stop());
  return pebble;
}

async function directoryOf({ directoryUrl, caFile }: TestPebble): Promise<unknown> {
  const dispatcher = new Agent({ connect: { ca: readFileSync(caFile) } });
  onTestFinished(() => dispatcher.close());
  return (await request(directoryUrl, { dispatcher, headers: { "user-agent": "test" } })).body.json();
}

test("it says which profiles it has, and that accounts are for its customers", async () => {
  const pebble = await pebbleThat({
    profiles: { shortlived: 60 },
    externalAccounts: { ada: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0" },
  });
  expect(await directoryOf(pebble)).toMatchObject({
    renewalInfo: expect.any(String),
    meta: { externalAccountRequired: true, profiles: { shortlived: "shortlived" } },
  });
});

test("the root that it signs with is another at each start, and not the one that vouches for its directory", async () => {
  const [one, other] = [await pebbleThat({}), await pebbleThat({})];
  const roots = await Promise.all([one.root(), other.root()]);
  const subjects = [...roots, readFileSync(one.caFile, "utf8")].map((pem) => new X509Certificate(pem));
  expect(subjects.map(({ ca }) => ca)).toEqual([true, true, true]);
  expect(new Set(subjects.map(({ fingerprint256 }) => fingerprint256)).size).toBe(3);
});
