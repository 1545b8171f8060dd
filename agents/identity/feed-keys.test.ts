// A key takes over from another one without any edge enrolling again, and nobody but the former key can bring that about.
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { feedKeySigningText } from "../contract.ts";
import { createTestNode, documentFor, startTestOrigin, type TestNode, type TestOrigin } from "../test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "../test-control-plane.ts";
import { acceptEndorsed } from "./feed-keys.ts";

let controlPlane: TestControlPlane;
let node: TestNode;
let origin: TestOrigin;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  origin = await startTestOrigin();
  node = await createTestNode(controlPlane);
  controlPlane.put("structure", controlPlane.scope, node.structure());
  putDocument("before.example.com");
});

afterEach(async () => {
  await node.remove();
  await origin.stop();
  await controlPlane.stop();
});

function putDocument(host: string): number {
  const id = randomUUID();
  return controlPlane.put("document", id, documentFor(id, host, origin)).rev;
}

/** The feed is signed again, as the control plane does when its key is another one. */
function rotate(id: string, { endorsed = true, checkpoint = false } = {}): void {
  controlPlane.changeKey(id, { endorsed });
  controlPlane.restore({ keep: () => true, checkpoint });
}

const status = (host: string) => node.get(host).then((answer) => answer.status);

test.each([
  { name: "with a checkpoint", checkpoint: true },
  { name: "without a checkpoint", checkpoint: false },
])(
  "two rotations ($name) are followed, and nginx believes the newest key when it starts alone",
  async ({ checkpoint }) => {
    const first = await node.start();
    await controlPlane.untilReport(({ applied }) => applied === 2);
    for (const id of ["test-2", "test-3"]) {
      rotate(id, { checkpoint });
      const rev = putDocument(`${id}.example.com`);
      const report = await controlPlane.untilReport(
        ({ feed_id, applied }) => feed_id === controlPlane.feedId() && applied === rev,
      );
      expect(report.refused).toEqual([]);
      expect(await status(`${id}.example.com`)).toBe(200);
    }
    expect(controlPlane.enrolments()).toBe(1);
    await first.stop();
    await controlPlane.stop();
    await node.start({ EDGE_ENROLMENT_TOKEN: undefined });
    for (const host of ["before", "test-2", "test-3"]) expect(await status(`${host}.example.com`)).toBe(200);
    await controlPlane.start();
  },
);

test("a key that no pinned key speaks for signs nothing that is served", async () => {
  await node.start();
  await controlPlane.untilReport(({ applied }) => applied === 2);
  rotate("test-2", { endorsed: false });
  const rev = putDocument("forged.example.com");
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report.refused).toHaveLength(rev);
  expect(await status("forged.example.com")).toBe(421);
});

test("an endorsement speaks for one key under one id, and only when a pinned key gave it", () => {
  const [pinned, other, next] = [newPair(), newPair(), newPair()];
  const raw = next.publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("base64");
  const endorse = (key: KeyObject, id: string, publicKey = raw) =>
    sign(null, Buffer.from(feedKeySigningText({ id, publicKey })), key).toString("base64");
  const known = { one: pem(pinned.publicKey), older: pem(other.publicKey) };
  const offer = (endorsement: string | null, publicKey = raw) => [{ id: "two", public_key: publicKey, endorsement }];

  expect(acceptEndorsed(known, offer(`one:${endorse(pinned.privateKey, "two")}`))).toEqual({
    one: pem(pinned.publicKey),
    two: pem(next.publicKey),
  });
  for (const refused of [
    offer(null),
    offer(`one:${endorse(other.privateKey, "two")}`),
    offer(`one:${endorse(pinned.privateKey, "three")}`),
    offer(`stranger:${endorse(pinned.privateKey, "two")}`),
    offer(`one:${endorse(pinned.privateKey, "two", "AAAA")}`, "AAAA"),
    offer("one:"),
    [{ id: "one", public_key: raw, endorsement: `one:${endorse(pinned.privateKey, "one")}` }],
  ]) {
    expect(acceptEndorsed(known, refused)).toBe(known);
  }
});

const newPair = () => generateKeyPairSync("ed25519");

function pem(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}
