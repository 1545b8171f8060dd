// From an origin's name to the addresses that may be dialled. Every address is checked, however the name came to it:
// a customer's DNS must not lead an edge into the network around it.
import { lookup, Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";
import pLimit from "p-limit";
import { addressClass, embeddedIPv4 } from "../../platform/address.ts";
import type { Listener } from "../config.ts";
import type { Origin, Pins } from "./document.ts";

export interface AddressRules {
  readonly allowPrivate: boolean;
  /** What the platform itself listens on: refused even where private addresses are allowed. */
  readonly forbidden: readonly Listener[];
}

export class ForbiddenAddress extends Error {
  override readonly name = "ForbiddenAddress";
}

const DNS_TIMEOUT_MS = 1_000;
/** The system's own look-up knows no deadline, and each holds a thread that files are read by, too. */
const SYSTEM_TIMEOUT_MS = 5_000;
const SYSTEM_AT_ONCE = 2;
/** As many as nginx takes for one origin. */
const ADDRESSES_MAX = 16;

/** What the system knows of a name: /etc/hosts, the names of containers. */
type SystemLookUp = (host: string) => Promise<readonly string[]>;

interface SystemSettings {
  readonly ofSystem?: SystemLookUp;
  readonly systemTimeoutMs?: number;
}

export function createResolver(
  rules: () => AddressRules,
  { ofSystem = askSystem, systemTimeoutMs = SYSTEM_TIMEOUT_MS }: SystemSettings = {},
): (origin: Origin) => Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
  const turn = pLimit(SYSTEM_AT_ONCE);
  const patient = (host: string) => {
    const deadline = AbortSignal.timeout(systemTimeoutMs);
    const asked = turn(async () => {
      deadline.throwIfAborted();
      return await ofSystem(host);
    });
    return Promise.race([asked, silenceOf(host, deadline)]);
  };
  return async ({ host, port }) => {
    const found = isIP(host) === 0 ? await lookUp(resolver, patient, host) : [host];
    const addresses = [...new Set(found.map(dialled))].slice(0, ADDRESSES_MAX);
    const allowed = addresses.filter((address) => mayDial(address, port, rules(), localAddresses()));
    if (allowed.length > 0) return allowed;
    throw new ForbiddenAddress(`${host}:${port} leads to ${addresses.join(", ")}, which no origin may be`);
  };
}

/** What an earlier run pinned may be forbidden by now. */
export function stillAllowed(pins: Pins, rules: AddressRules): Pins {
  const local = localAddresses();
  const portOf = (key: string) => Number(key.slice(key.lastIndexOf(":") + 1));
  return Object.fromEntries(
    Object.entries(pins).map(([key, addresses]) => [
      key,
      addresses.filter((address) => mayDial(address, portOf(key), rules, local)),
    ]),
  );
}

async function askSystem(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** A thread is held until the system answers; those who wait for it are told earlier. */
function silenceOf(host: string, deadline: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const tell = () => reject(new Error(`the system does not say what ${host} is`));
    deadline.addEventListener("abort", tell, { once: true });
  });
}

/** DNS first, it waits in no thread; then what the system knows besides. */
async function lookUp(resolver: Resolver, ofSystem: SystemLookUp, host: string): Promise<readonly string[]> {
  const isLocal = host === "localhost" || host.endsWith(".localhost");
  const answers = isLocal ? [] : await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (addresses.length > 0) return addresses;
  return await ofSystem(isLocal ? "localhost" : host);
}

export function mayDial(address: string, port: number, rules: AddressRules, local: ReadonlySet<string>): boolean {
  const kind = addressClass(address);
  if (kind === "never" || (kind === "private" && !rules.allowPrivate)) return false;
  // An address that carries another inside (NAT64) is refused with it.
  const reached = [address, embeddedIPv4(address) ?? address];
  return !rules.forbidden.some(
    (listener) => listener.port === port && reached.some((one) => reaches(one, listener, local)),
  );
}

function reaches(address: string, listener: Listener, local: ReadonlySet<string>): boolean {
  if (listener.host !== "*") return canonical(listener.host) === canonical(address);
  return local.has(canonical(address)) || ipaddr.process(address).range() === "loopback";
}

/** IPv4 in IPv6 clothes (::ffff:10.0.0.1) is dialled as what it is. */
function dialled(address: string): string {
  return ipaddr.process(address).toString();
}

function canonical(address: string): string {
  return ipaddr.process(address).toNormalizedString();
}

function localAddresses(): ReadonlySet<string> {
  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(interfaces.map(({ address }) => canonical(address.replace(/%.*$/, ""))));
}
