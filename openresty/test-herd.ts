// Many viewers at once, for tests of the edge.
import { Agent, request } from "undici";
import type { TestSite, TestSites } from "./test-site.ts";

export interface HerdAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly ms: number;
}

export interface HerdAsked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
  readonly signal?: AbortSignal;
}

export interface Herd {
  get(site: TestSite, path: string, asked?: HerdAsked): Promise<HerdAnswer>;
  /** All at once, each on a connection of its own. */
  all(site: TestSite, path: string, count: number, askedOf?: (index: number) => HerdAsked): Promise<HerdAnswer[]>;
  end(): Promise<void>;
}

const CONNECTIONS_MAX = 2000;

export function openHerd({ edge }: Pick<TestSites, "edge">): Herd {
  const dispatcher = new Agent({ connections: CONNECTIONS_MAX });

  async function get({ host }: TestSite, path: string, asked: HerdAsked = {}): Promise<HerdAnswer> {
    const startedAt = performance.now();
    const reply = await request(`http://127.0.0.1:${edge.httpPort}${asked.path ?? path}`, {
      dispatcher,
      method: asked.method ?? "GET",
      headers: { host, ...asked.headers },
      ...(asked.signal && { signal: asked.signal }),
    });
    const body = await reply.body.text();
    return { status: reply.statusCode, headers: reply.headers, body, ms: performance.now() - startedAt };
  }

  return {
    get,
    all: (site, path, count, askedOf = () => ({})) =>
      Promise.all(Array.from({ length: count }, (_, index) => get(site, path, askedOf(index)))),
    end: () => dispatcher.destroy(),
  };
}
