// Customers and viewers who know nothing of bad days: in the background, through every kill, they change distributions
// and ask the edge, and remember what was acknowledged and what was answered.
import { setTimeout as wait } from "node:timers/promises";
import { Agent, request } from "undici";
import { z } from "zod";
import { type Answer, type Api, eventually } from "./api.ts";
import { startOrigin } from "./origin.ts";

const CHANGE_EVERY_MS = 300;
const VIEW_EVERY_MS = 100;
const DISTRIBUTIONS_MAX = 25;
const VIEW_TIMEOUT_MS = 10_000;
const LAST_CHANGE_WITHIN_MS = 30_000;
/** nginx writes its log buffer once a second; the rest is for a timer that is late. */
const UNWRITTEN_LOG_MS = 1_500;

export type Driver = Awaited<ReturnType<typeof startDriver>>;
type Ask = (host: string, path: string) => Promise<{ status: number; body: string }>;

export async function startDriver(customer: Api, edge: { readonly httpPort: number }) {
  const origins = [await startOrigin(), await startOrigin()];
  for (const { url, answer } of origins) answer(() => ({ headers: { "cache-control": "no-store" }, body: url }));
  const connections = new Agent();
  const ask: Ask = async (host, path) => {
    const signal = AbortSignal.timeout(VIEW_TIMEOUT_MS);
    const url = `http://127.0.0.1:${edge.httpPort}${path}`;
    const { statusCode, body } = await request(url, { dispatcher: connections, headers: { host }, signal });
    return { status: statusCode, body: await body.text() };
  };
  const changes = createChanges(
    customer,
    origins.map(({ url }) => url),
  );
  const watched = await changes.create();
  await eventually(async () => {
    const { status } = await ask(watched.host, "/first-look");
    if (status !== 200) throw new Error(`${watched.host} is not served yet: ${status}`);
  });
  const views = createViews((path) => ask(watched.host, path));

  const over = new AbortController();
  const running = Promise.all([repeat(changes.next, CHANGE_EVERY_MS, over), repeat(views.next, VIEW_EVERY_MS, over)]);
  const end = () => {
    over.abort();
    return running;
  };
  return {
    ask,
    /** The distribution that the viewers ask for. */
    watched,
    changes,
    views,
    /** Resolves when the last change is acknowledged too: it may have been under way, and unacknowledged until now. */
    async finish(): Promise<void> {
      await end();
      await eventually(changes.next, LAST_CHANGE_WITHIN_MS);
    },
    async stop(): Promise<void> {
      await end();
      await connections.close();
      for (const origin of origins) await origin.stop();
    },
  };
}

/** What fails is tried again at the next turn. */
async function repeat(next: () => Promise<void>, everyMs: number, { signal }: AbortController): Promise<void> {
  while (!signal.aborted) {
    await next().catch(() => {});
    await wait(everyMs, undefined, { signal }).catch(() => {});
  }
}

interface Told {
  readonly id: string;
  readonly host: string;
  /** The origin that it was last told, by a change that was acknowledged. */
  originUrl: string;
}

const created = z.object({ id: z.uuid() });

/** Creations and moves from one origin to the other, in turn; one that was not acknowledged is asked for again. */
function createChanges(customer: Api, [first = "", second = ""]: readonly string[]) {
  const told: Told[] = [];
  const refusals: Answer[] = [];
  let turn = 0;
  let names = 0;

  async function change(wanted: number, method: string, path: string, body: unknown): Promise<unknown> {
    const answer = await customer.call(method, path, body);
    if (answer.status === wanted) return answer.body;
    if (answer.status !== 503) refusals.push(answer);
    throw new Error(`${method} ${path} was answered ${answer.status}`);
  }

  /** Under a new name each time: the last one may be taken, though nobody said so. */
  async function create(): Promise<Told> {
    names += 1;
    const host = `driver-${names}.example.com`;
    const input = { domain: host, origin: { url: first } };
    const { id } = created.parse(await change(201, "POST", "/api/v1/distributions", input));
    const distribution = { id, host, originUrl: first };
    told.push(distribution);
    return distribution;
  }

  async function move(distribution: Told): Promise<void> {
    const url = distribution.originUrl === first ? second : first;
    await change(200, "PATCH", `/api/v1/distributions/${distribution.id}`, { origin: { url } });
    distribution.originUrl = url;
  }

  async function next(): Promise<void> {
    const known = told[turn % told.length];
    if (known === undefined || (turn % 2 === 0 && told.length < DISTRIBUTIONS_MAX)) await create();
    else await move(known);
    turn += 1;
  }

  return {
    create,
    next,
    /** Every distribution whose creation was acknowledged. */
    told: (): readonly Readonly<Told>[] => told,
    acknowledged: () => turn,
    /** What the API answered other than yes, or 503 for a dependency that is away. */
    refusals: (): readonly Answer[] => refusals,
  };
}

interface View {
  readonly path: string;
  readonly status: number;
  readonly beganAt: number;
  readonly answeredAt: number;
}

function createViews(ask: (path: string) => Promise<{ status: number }>) {
  const answered: View[] = [];
  const killedAt: number[] = [];
  let asked = 0;

  async function next(): Promise<void> {
    asked += 1;
    const path = `/view-${asked}`;
    const beganAt = performance.now();
    const { status } = await ask(path);
    answered.push({ path, status, beganAt, answeredAt: performance.now() });
  }

  return {
    next,
    answered: (): readonly View[] => answered,
    /** To be said right before a kill -9. */
    nginxIsKilled: () => killedAt.push(performance.now()),
    /** Its log line may have been in the buffer of an nginx that was killed. */
    mayBeUnlogged: ({ beganAt, answeredAt }: View) =>
      killedAt.some((at) => beganAt < at && answeredAt > at - UNWRITTEN_LOG_MS),
  };
}
