// The real services below the product: those with a URL are used as they are, the others are started here.
import { join } from "node:path";
import { startClickHouse } from "../../../platform/embedded/clickhouse/start.ts";
import { type DebianTools, openDebianTools } from "../../../platform/embedded/debian.ts";
import { type NginxInstallation, openNginx } from "../../../platform/embedded/nginx.ts";
import { startPebble } from "../../../platform/embedded/pebble.ts";
import { startPostgres } from "../../../platform/embedded/postgres.ts";
import { startRedis } from "../../../platform/embedded/redis.ts";
import type { ChildLedger } from "../../../platform/embedded/run-lock.ts";
import type { Part } from "../../../platform/lifecycle.ts";
import type { Logger } from "../../../platform/log.ts";
import type { Steps } from "./progress.ts";
import type { UpSettings } from "./settings.ts";

export interface ServiceUrls {
  readonly DATABASE_URL: string;
  readonly REDIS_URL: string;
  readonly CLICKHOUSE_URL: string;
  readonly ACME_DIRECTORY_URL: string;
  /** Of the local certificate authority's own listener; unset for a public one. */
  readonly ACME_CA_FILE: string | undefined;
}

interface Surroundings {
  readonly settings: UpSettings;
  readonly ledger: ChildLedger;
  readonly log: Logger;
  readonly steps: Steps;
  /** Whatever was started, also when a later one fails. */
  readonly started: (part: Part) => void;
}

export interface Tools {
  readonly nginx: NginxInstallation;
  openTools(): Promise<DebianTools>;
}

/** nginx, Redis and Pebble come as Debian packages, unless the machine has what is needed. */
export async function openTools({ settings, log, steps }: Surroundings): Promise<Tools> {
  return steps.step(
    "tools",
    async (progress) => {
      const folder = settings.EDGEWRIGHT_TOOLS ?? join(settings.DATA_DIR, "tools");
      let opened: Promise<DebianTools> | undefined;
      const open = () => {
        opened ??= openDebianTools({ folder, log, progress });
        return opened;
      };
      return { nginx: await openNginx({ path: settings.NGINX_PATH, openTools: open }), openTools: open };
    },
    ({ nginx }) => `nginx ${nginx.capabilities.nginx} with Lua${nginx.capabilities.http3 ? " and HTTP/3" : ""}`,
  );
}

export async function startServices(surroundings: Surroundings, tools: Tools): Promise<ServiceUrls> {
  const { settings } = surroundings;
  const own = (name: string) => ({
    folder: join(settings.DATA_DIR, name),
    log: surroundings.log,
    ledger: surroundings.ledger,
  });
  const [database, redis, clickhouse, acme] = await settle([
    () => service(surroundings, "postgres", settings.DATABASE_URL, () => startPostgres(own("postgres"))),
    () =>
      service(surroundings, "redis", settings.REDIS_URL, async () =>
        startRedis({ ...own("redis"), command: (await tools.openTools()).command("redis-server") }),
      ),
    () => service(surroundings, "clickhouse", settings.CLICKHOUSE_URL, () => startClickHouse(own("clickhouse"))),
    () =>
      service(surroundings, "pebble", settings.ACME_DIRECTORY_URL, async () => {
        const command = (await tools.openTools()).command("pebble");
        const { directoryUrl, ...rest } = await startPebble({
          ...own("pebble"),
          command,
          httpPort: settings.EDGE_HTTP_PORT,
        });
        return { url: directoryUrl, ...rest };
      }),
  ]);
  return {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    CLICKHOUSE_URL: clickhouse.url,
    ACME_DIRECTORY_URL: acme.url,
    ACME_CA_FILE: acme.rootCertificatePath,
  };
}

interface StartedService {
  readonly url: string;
  readonly part?: Part;
  readonly rootCertificatePath?: string;
}

async function service(
  { steps, started }: Surroundings,
  name: string,
  configured: string | undefined,
  start: () => Promise<StartedService>,
): Promise<StartedService> {
  return steps.step(
    name,
    async () => {
      if (configured !== undefined) return { url: configured };
      const running = await start();
      if (running.part !== undefined) started(running.part);
      return running;
    },
    ({ url }) => `${configured === undefined ? "running" : "yours"} at ${new URL(url).host}`,
  );
}

/** Side by side; when one fails, the others are waited for, so that nothing starts behind the stop that follows. */
async function settle<A, B, C, D>(
  starters: readonly [() => Promise<A>, () => Promise<B>, () => Promise<C>, () => Promise<D>],
): Promise<[A, B, C, D]> {
  const running = [starters[0](), starters[1](), starters[2](), starters[3]()] as const;
  await Promise.allSettled(running);
  return Promise.all(running);
}
