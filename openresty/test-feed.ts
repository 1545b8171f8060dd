// A feed as the control plane's workers sign it, for tests of the edge: records, journals and checkpoints.
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import {
  checkpointLine,
  checkpointSigningText,
  type FeedRecord,
  frame,
  hashOf,
  headerLine,
  type RecordKind,
  recordSigningText,
} from "../agents/contract.ts";
import {
  compileCertificate,
  compileDocument,
  type DesiredCertificate,
  type DesiredDistribution,
  type DesiredOrigin,
} from "../edge-templates/index.ts";
import { exampleDistribution, exampleOrigin } from "../edge-templates/test-examples.ts";

export interface TestFeed {
  readonly feedId: string;
  readonly scope: string;
  /** The content of state/trust.json. */
  readonly trust: string;
  /** A signed record; `rev` rises with each. */
  put(distribution: DesiredDistribution): FeedRecord;
  putBody(id: string, body: string, kind?: RecordKind): FeedRecord;
  certificate(certificate: DesiredCertificate): FeedRecord;
  remove(id: string, kind?: RecordKind): FeedRecord;
  checkpoint(records: readonly FeedRecord[]): string;
}

const KEY_ID = "test";

export function createTestFeed(feedId: string = randomUUID(), scope: string = randomUUID()): TestFeed {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const signed = (text: string) => `${KEY_ID}:${sign(null, Buffer.from(text), privateKey).toString("base64")}`;
  let rev = 0;

  function record(fields: Pick<FeedRecord, "kind" | "id" | "op" | "body">): FeedRecord {
    rev += 1;
    const unsigned = { ...fields, rev, hash: hashOf(fields.body) };
    return { ...unsigned, signature: signed(recordSigningText({ feedId, scope }, unsigned)) };
  }

  const putBody: TestFeed["putBody"] = (id, body, kind = "document") => record({ kind, id, op: "put", body });

  return {
    feedId,
    scope,
    trust: JSON.stringify({ feed_id: feedId, scope, keys: { [KEY_ID]: raw.toString("base64") } }),
    put: (distribution) => putBody(distribution.id, compileDocument(distribution).body),
    putBody,
    certificate: (certificate) => putBody(certificate.id, compileCertificate(certificate).body, "certificate"),
    remove: (id, kind = "document") => record({ kind, id, op: "del", body: "" }),
    checkpoint(records) {
      const unsigned = records.map((one) => ({ ...one, signature: "-" }));
      const digest = createHash("sha256").update(unsigned.map(headerLine).join("")).digest("hex");
      const head = { feedId, scope, rev, count: records.length, digest };
      const line = checkpointLine({ ...head, signature: signed(checkpointSigningText(head)) });
      return line + unsigned.map(frame).join("");
    },
  };
}

/** A distribution with one http origin. */
export function aDistribution(
  fields: Partial<DesiredDistribution> & { originPort?: number } = {},
): DesiredDistribution {
  const { originPort = 9, ...rest } = fields;
  return {
    ...exampleDistribution,
    id: randomUUID(),
    accountId: randomUUID(),
    origins: [anOrigin({ port: originPort })],
    ...rest,
  };
}

export function anOrigin(fields: Partial<DesiredOrigin> = {}): DesiredOrigin {
  return {
    ...exampleOrigin,
    id: randomUUID(),
    scheme: "http",
    host: "origin.test",
    port: 80,
    hostHeader: "origin.test",
    sni: "origin.test",
    ...fields,
  };
}
