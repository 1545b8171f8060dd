// An edge with one origin, and as many distributions on it as a test asks for.
import type { DesiredDistribution } from "../edge-templates/index.ts";
import { startTestEdge, type TestEdge, type TestEdgeSettings } from "./test-edge.ts";
import { aDistribution, createTestFeed, type TestFeed } from "./test-feed.ts";
import { type Handler, startTestOrigin, type TestOrigin } from "./test-origin.ts";
import { type Answer, type Asked, ask } from "./test-viewer.ts";

export interface TestSites {
  readonly edge: TestEdge;
  readonly origin: TestOrigin;
  readonly feed: TestFeed;
  /** Serves a new distribution under a host of its own, which asks the origin. */
  serve(fields?: Partial<DesiredDistribution>): Promise<TestSite>;
  stop(): Promise<void>;
}

export interface TestSite {
  readonly host: string;
  readonly distribution: DesiredDistribution;
  ask(path: string, asked?: Omit<Asked, "host" | "path">): Promise<Answer>;
  /** Changes what is served. */
  change(fields: Partial<DesiredDistribution>): Promise<void>;
}

export async function startTestSites(settings: TestEdgeSettings = {}): Promise<TestSites> {
  const feed = createTestFeed();
  const [edge, origin] = await Promise.all([
    startTestEdge({ ...settings, state: { trust: feed.trust } }),
    startTestOrigin(),
  ]);
  await edge.pin({ [`origin.test:${origin.port}`]: ["127.0.0.1"] });
  let count = 0;

  async function put(distribution: DesiredDistribution): Promise<void> {
    const { body } = await edge.apply([feed.put(distribution)]);
    if (JSON.stringify(body).includes('"refused":[{')) throw new Error(`refused: ${JSON.stringify(body)}`);
  }

  return {
    edge,
    origin,
    feed,
    async serve(fields = {}) {
      count += 1;
      const host = `site-${count}.test`;
      const distribution = aDistribution({ originPort: origin.port, hosts: [host], ...fields });
      await put(distribution);
      return {
        host,
        distribution,
        ask: (path, asked = {}) => ask(edge, { host, path, ...asked }),
        change: (changed) => put({ ...distribution, ...changed }),
      };
    },
    async stop() {
      await Promise.all([edge.stop(), origin.stop()]);
    },
  };
}

/** An origin that answers every request with these headers and the request's line. */
export function answering(headers: Readonly<Record<string, string>>, status = 200): Handler {
  return (request, response) => response.writeHead(status, headers).end(`${request.method} ${request.url}`);
}
