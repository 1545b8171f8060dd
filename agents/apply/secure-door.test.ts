// The HTTPS listener is looked at with each change, and its faults are nobody's document's.
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pickPort } from "../../platform/embedded/ports.ts";
import { createTestNode, documentFor, startTestOrigin, type TestNode, type TestOrigin } from "../test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "../test-control-plane.ts";

let controlPlane: TestControlPlane;
let node: TestNode;
let origin: TestOrigin;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  origin = await startTestOrigin();
  node = await createTestNode(controlPlane);
  controlPlane.put("structure", controlPlane.scope, node.structure());
});

afterEach(async () => {
  await node.remove();
  await origin.stop();
  await controlPlane.stop();
});

/** Puts a document of a host and a wildcard, and waits until it is reported. */
async function change(place: number): Promise<void> {
  const id = randomUUID();
  const document = JSON.parse(documentFor(id, `host-${place}.example.com`, origin));
  const hosts = [...document.hosts, `*.wild-${place}.example.com`];
  const { rev } = controlPlane.put("document", id, JSON.stringify({ ...document, hosts }));
  const report = await controlPlane.untilReport(({ applied }) => applied === rev);
  expect(report.refused).toEqual([]);
}

/** Where the agent looks for the HTTPS listener from now on. */
async function lookForHttpsAt(port: number): Promise<void> {
  const path = join(node.home, "current", "record.json");
  const record = JSON.parse(await readFile(path, "utf8"));
  record.probe.https.port = port;
  await writeFile(path, JSON.stringify(record));
}

function alarmsOfHttps(): string[] {
  return node.alarms
    .map((line) => String(JSON.parse(line).msg))
    .filter((message) => message.includes("HTTPS listener"));
}

test("a dead HTTPS listener is told of once, costs no document, and is told of again when it serves", async () => {
  await node.start();
  await controlPlane.untilReport(({ structure }) => structure === 1);
  await change(1);
  expect(alarmsOfHttps()).toEqual([]);
  await lookForHttpsAt(await pickPort());
  await change(2);
  await change(3);
  expect(alarmsOfHttps()).toEqual(["the HTTPS listener does not serve what the HTTP listener serves"]);
  await lookForHttpsAt(node.ports.https);
  await change(4);
  expect(alarmsOfHttps().slice(1)).toEqual(["the HTTPS listener serves again"]);
});
