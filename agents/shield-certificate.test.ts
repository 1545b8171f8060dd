// The certificate that an edge shows to edges of other groups: the one of its identity, and a younger one without a word
// from anybody.
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pickPort } from "../platform/embedded/ports.ts";
import { createTestNode, type TestNode } from "./test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "./test-control-plane.ts";

let controlPlane: TestControlPlane;
let node: TestNode;

beforeEach(async () => {
  controlPlane = await startTestControlPlane();
  node = await createTestNode(controlPlane);
});
afterEach(async () => {
  await node?.remove();
  await controlPlane?.stop();
});

async function shownOn(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect", { signal: AbortSignal.timeout(5_000) });
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).serialNumber;
}

/** Each that is shown, once. */
async function shownSeveralTimes(port: number): Promise<string[]> {
  const shown: string[] = [];
  for (let time = 0; time < 5; time += 1) shown.push(await shownOn(port));
  return [...new Set(shown)];
}

const held = async () => new X509Certificate(await readFile(join(node.home, "tls", "edge.crt"), "utf8")).serialNumber;

test("is renewed once the group has children and it names no edge, and nginx shows the new one", async () => {
  const port = await pickPort();
  controlPlane.put("structure", controlPlane.scope, node.structure({ parent: port }));
  const agent = await node.start({ EDGE_KEEP_SERVING: true });
  await controlPlane.untilReport(({ structure }) => structure > 0);
  const first = await shownOn(port);
  expect(first).toBe(await held());
  controlPlane.put("shield", controlPlane.scope, JSON.stringify({ format: 1, parent: null, children: [] }));
  await controlPlane.untilReport(({ applied }) => applied === controlPlane.rev());
  await agent.stop();

  // That of a test control plane has no names.
  await node.start({ EDGE_KEEP_SERVING: true });
  await expect.poll(held, { timeout: 20_000 }).not.toBe(first);
  const renewed = await held();
  // For a moment after a reload old workers answer beside the new ones.
  await expect.poll(() => shownSeveralTimes(port), { timeout: 20_000 }).toEqual([renewed]);
  expect(await held()).toBe(renewed);
});
