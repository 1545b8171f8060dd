// What most tests of the agent begin with: a control plane with a structure for its group, an origin, and an edge that is
// not started yet.
import { randomUUID } from "node:crypto";
import { createTestNode, documentFor, startTestOrigin, type TestNode, type TestOrigin } from "./test-agent.ts";
import { startTestControlPlane, type TestControlPlane } from "./test-control-plane.ts";

export interface TestWorld {
  readonly controlPlane: TestControlPlane;
  readonly origin: TestOrigin;
  readonly node: TestNode;
  /** A document that serves this host from the origin. */
  putDocument(host: string, id?: string): { readonly id: string; readonly rev: number };
  /** A document that nginx refuses, however well it is signed: of a newer format. */
  putBadDocument(id?: string): { readonly id: string; readonly rev: number };
  stop(): Promise<void>;
}

export async function startTestWorld(): Promise<TestWorld> {
  const [controlPlane, origin] = [await startTestControlPlane(), await startTestOrigin()];
  const node = await createTestNode(controlPlane);
  controlPlane.put("structure", controlPlane.scope, node.structure());

  function put(id: string, body: string): { id: string; rev: number } {
    return { id, rev: controlPlane.put("document", id, body).rev };
  }

  return {
    controlPlane,
    origin,
    node,
    putDocument: (host, id = randomUUID()) => put(id, documentFor(id, host, origin)),
    putBadDocument: (id = randomUUID()) => put(id, '{"format":99}'),
    stop: async () => {
      await node.remove();
      await origin.stop();
      await controlPlane.stop();
    },
  };
}
