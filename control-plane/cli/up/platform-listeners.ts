// Everything of the platform's own that listens: no origin may be there, whatever the customer's URL resolves to.
import { lookup } from "node:dns/promises";
import type { StartedServices } from "./services.ts";
import type { UpSettings } from "./settings.ts";

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  "postgres:": 5432,
  "postgresql:": 5432,
  "redis:": 6379,
  "rediss:": 6379,
  "http:": 80,
  "https:": 443,
};

/** `address:port`, as the agent takes them; a service that is called by name stands there with its addresses. */
export async function platformListeners(
  settings: UpSettings,
  { urls, otherListeners }: StartedServices,
): Promise<readonly string[]> {
  const own = [settings.API_PORT, settings.EDGE_HTTP_PORT, settings.EDGE_HTTPS_PORT].map((port) => `*:${port}`);
  const services = [
    urls.DATABASE_URL,
    urls.REDIS_URL,
    urls.CLICKHOUSE_URL,
    urls.ACME_DIRECTORY_URL,
    settings.S3_ENDPOINT,
  ];
  const addresses = await Promise.all(services.map((url) => (url === undefined ? [] : listenersOf(new URL(url)))));
  return [...own, ...otherListeners, ...addresses.flat()];
}

async function listenersOf({ hostname, port, protocol }: URL): Promise<readonly string[]> {
  const number = port === "" ? DEFAULT_PORTS[protocol] : port;
  const host = hostname.replace(/^\[|\]$/g, "");
  // A name without an answer has no address that an origin could share.
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address, family }) => (family === 6 ? `[${address}]:${number}` : `${address}:${number}`));
}
