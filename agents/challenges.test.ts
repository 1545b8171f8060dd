// Challenges on their way through the agent: an edge that joins, or was away, has them from its first answer on, so that an
// authority may ask any edge that answers at all.
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CHALLENGE_PATH, type ChallengeBody } from "./contract.ts";
import { startTestWorld, type TestWorld } from "./test-world.ts";

const HOST = "proven.example.com";
let world: TestWorld;

beforeEach(async () => {
  world = await startTestWorld();
});

afterEach(async () => {
  await world.stop();
});

function challenge(token: string): { readonly id: string; readonly rev: number } {
  const id = randomUUID();
  const body: ChallengeBody = { format: 1, token, key_authorization: `${token}.thumb` };
  return { id, rev: world.controlPlane.put("challenge", id, JSON.stringify(body)).rev };
}

const answerFor = (token: string, host = HOST) => world.node.get(host, `${CHALLENGE_PATH}${token}`);

/** From now on: until then nobody listens. */
async function firstAnswerFor(token: string): Promise<{ status: number; body: string }> {
  for (;;) {
    const answer = await answerFor(token).catch(() => undefined);
    if (answer !== undefined) return answer;
  }
}

test.each([
  { name: "by the changes", isForgotten: false },
  { name: "by a snapshot", isForgotten: true },
])(
  "an edge that joins answers them from the start ($name), for hosts that it does not serve, too",
  async ({ isForgotten }) => {
    const { controlPlane, node, putDocument } = world;
    putDocument(HOST);
    challenge("joined");
    if (isForgotten) controlPlane.makeCheckpoint({ forget: true });
    const first = firstAnswerFor("joined");
    await node.start();
    expect(await first).toMatchObject({ status: 200, body: "joined.thumb" });
    expect(await answerFor("joined", "stranger.example.com")).toMatchObject({ status: 200, body: "joined.thumb" });
  },
);

test("what is reported as applied is answered, until its tombstone is reported", async () => {
  const { controlPlane, node, putDocument } = world;
  putDocument(HOST);
  await node.start();
  const { id, rev } = challenge("reported");
  await controlPlane.untilReport(({ applied }) => applied >= rev);
  expect((await answerFor("reported")).body).toBe("reported.thumb");
  const gone = controlPlane.remove("challenge", id);
  await controlPlane.untilReport(({ applied }) => applied >= gone.rev);
  expect((await answerFor("reported")).body).not.toBe("reported.thumb");
});

test.each([
  { name: "by the changes", isForgotten: false },
  { name: "by a snapshot", isForgotten: true },
])("an edge that was away learns what came and went, before it answers again ($name)", async ({ isForgotten }) => {
  const { controlPlane, node, putDocument } = world;
  putDocument(HOST);
  const { id, rev } = challenge("went");
  const agent = await node.start();
  await controlPlane.untilReport(({ applied }) => applied >= rev);
  await agent.stop();
  controlPlane.remove("challenge", id);
  challenge("came");
  if (isForgotten) controlPlane.makeCheckpoint({ forget: true });
  const first = firstAnswerFor("came");
  await node.start();
  expect((await first).body).toBe("came.thumb");
  expect((await answerFor("went", "stranger.example.com")).status).toBe(421);
});

test("one that a customer's broken document comes with is applied all the same", async () => {
  const { controlPlane, node, putBadDocument } = world;
  await node.start();
  putBadDocument();
  const { rev } = challenge("beside");
  await controlPlane.untilReport(({ applied }) => applied >= rev);
  expect((await answerFor("beside")).body).toBe("beside.thumb");
});
