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
import { exportedRoots, exportRoot, type LocalNames, needsLocalDns, startLocalNames } from "./local-authority.ts";
import type { Steps } from "./progress.ts";
import type { UpSettings } from "./settings.ts";

export interface ServiceUrls {
  readonly DATABASE_URL: string;
  readonly REDIS_URL: string;
  readonly CLICKHOUSE_URL: string;
  readonly ACME_DIRECTORY_URL: string;
  /** Of the local certificate authority's own listener; unset for a public one. */
  readonly ACME_CA_FILE: string | undefined;
  readonly ACME_DNS_SERVER: string | undefined;
  readonly ACME_DNS_TSIG: string | undefined;
  readonly DNS_SERVERS: string | undefined;
  readonly VALIDATION_HTTP_PORT: number | undefined;
  readonly ACME_ORDERS_MAX: number | undefined;
  readonly ACME_CERTIFICATES_MAX: number | undefined;
}

export interface StartedServices {
  readonly urls: ServiceUrls;
  /** `host:port` of what else listens here, beside what those settings name. */
  readonly otherListeners: readonly string[];
  readonly names: LocalNames | undefined;
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

export async function startServices(surroundings: Surroundings, tools: Tools): Promise<StartedServices> {
  const { settings } = surroundings;
  const names = needsLocalDns(settings) ? await startNames(surroundings) : undefined;
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
      service(surroundings, "pebble", settings.ACME_DIRECTORY_URL, () =>
        startAuthority(surroundings, tools, names?.dns.address ?? settings.DNS_SERVERS?.[0]),
      ),
  ]);
  const management = acme.managementUrl === undefined ? undefined : new URL(acme.managementUrl).host;
  return {
    urls: {
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      CLICKHOUSE_URL: clickhouse.url,
      ACME_DIRECTORY_URL: acme.url,
      ACME_CA_FILE: acme.rootCertificatePath ?? settings.ACME_CA_FILE,
      ACME_DNS_SERVER: names?.dns.address ?? settings.ACME_DNS_SERVER,
      ACME_DNS_TSIG: names?.tsig ?? settings.ACME_DNS_TSIG,
      DNS_SERVERS: names?.dns.address ?? settings.DNS_SERVERS?.join(","),
      ...settingsOfAuthority(settings, { isLocal: management !== undefined }),
    },
    names,
    otherListeners: [names?.dns.address, management].filter(isPresent),
  };
}

const NO_LIMIT = 1_000_000;

/** The local authority looks where the local edge listens, and counts nothing. */
function settingsOfAuthority(settings: UpSettings, { isLocal }: { isLocal: boolean }) {
  return {
    VALIDATION_HTTP_PORT: settings.VALIDATION_HTTP_PORT ?? (isLocal ? settings.EDGE_HTTP_PORT : undefined),
    ACME_ORDERS_MAX: settings.ACME_ORDERS_MAX ?? (isLocal ? NO_LIMIT : undefined),
    ACME_CERTIFICATES_MAX: settings.ACME_CERTIFICATES_MAX ?? (isLocal ? NO_LIMIT : undefined),
  };
}

function isPresent(text: string | undefined): text is string {
  return text !== undefined;
}

function startNames(surroundings: Surroundings): Promise<LocalNames> {
  const { settings, steps, log, started } = surroundings;
  return steps.step(
    "dns",
    async () => {
      const names = await startLocalNames(settings, { folder: join(settings.DATA_DIR, "dns"), log });
      started(names.dns.part);
      return names;
    },
    ({ dns }) => `running at ${dns.address}: every name is this edge`,
  );
}

async function startAuthority(
  { settings, ledger, log }: Surroundings,
  tools: Tools,
  dnsServer: string | undefined,
): Promise<StartedService> {
  const { directoryUrl, ...rest } = await startPebble({
    folder: join(settings.DATA_DIR, "pebble"),
    log,
    ledger,
    command: (await tools.openTools()).command("pebble"),
    httpPort: settings.VALIDATION_HTTP_PORT ?? settings.EDGE_HTTP_PORT,
    ...(dnsServer === undefined ? {} : { dnsServer }),
    onStart: async ({ readRoot }) => exportRoot(settings.DATA_DIR, await readRoot()),
  });
  return { url: directoryUrl, ...rest, note: `trust ${exportedRoots(settings.DATA_DIR)}` };
}

interface StartedService {
  readonly url: string;
  readonly part?: Part;
  readonly rootCertificatePath?: string;
  readonly managementUrl?: string;
  /** What a person should know of it. */
  readonly note?: string;
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
    ({ url, note }) =>
      `${configured === undefined ? "running" : "yours"} at ${new URL(url).host}${note === undefined ? "" : `; ${note}`}`,
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
