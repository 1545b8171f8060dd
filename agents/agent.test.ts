// The agent as a whole: a real nginx with the real Lua and real rendered files, against a small real control plane.
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestNode, documentFor, startTestOrigin, type TestNode, type TestOrigin } from "./test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "./test-control-plane.ts";

let controlPlane: TestControlPlane;
let node: TestNode;
let origin: TestOrigin;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  origin = await startTestOrigin();
  node = await createTestNode(controlPlane);
});

afterEach(async () => {
  await node.remove();
  await origin.stop();
  await controlPlane.stop();
});

test("a new edge enrols, runs the structure of its group and serves what the feed says", async () => {
  controlPlane.put("structure", controlPlane.scope, node.structure());
  const id = randomUUID();
  controlPlane.put("document", id, documentFor(id, "www.example.com", origin));
  await node.start();
  const report = await controlPlane.untilReport(({ applied, structure }) => applied === 2 && structure === 1);
  expect(report.refused).toEqual([]);
  expect(report.state_hash).toBe(controlPlane.stateHash());
  expect(await node.get("www.example.com", "/a")).toMatchObject({ status: 200, body: "origin says /a" });
});
