// Requests to servers that somebody else named. The name is looked up once, each address is checked, and the connection goes
// to an address that was checked: a name that leads elsewhere a moment later (DNS rebinding) changes nothing. What goes wrong
// is told in words, without where the name led.
import { lookup, Resolver } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import pLimit from "p-limit";
import { z } from "zod";
import { addressClass } from "./address.ts";

const DNS_TIMEOUT_MS = 2_000;
const ADDRESSES_MAX = 8;
/** The system's own look-up holds a thread for as long as it takes. */
const SYSTEM_AT_ONCE = 2;

export interface OutgoingPolicy {
  readonly allowPrivateOrigins: boolean;
  /** What a name leads to, when it is not the DNS that says so. */
  readonly addressesOf?: (host: string) => Promise<readonly string[]>;
}

/** Its message is for the person who named the server. */
export class Undeliverable extends Error {
  override readonly name = "Undeliverable";
}

export function mayDial(
  address: string,
  { allowPrivateOrigins }: Pick<OutgoingPolicy, "allowPrivateOrigins">,
): boolean {
  const kind = addressClass(address);
  return kind === "public" || (kind === "private" && allowPrivateOrigins);
}

/** ASCII, lower case, IPv6 without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** Answers what a request to this URL is to be given as its `lookup`: whatever it asks for, these are the addresses. */
export function createDialer(policy: OutgoingPolicy): (url: URL, signal: AbortSignal) => Promise<LookupFunction> {
  const { addressesOf = createLookUp() } = policy;
  return async (url, signal) => {
    const host = hostOf(url);
    const found = isIP(host) === 0 ? await beforeAbort(addressesOf(host), signal) : [host];
    if (found.length === 0) throw new Undeliverable(`The name ${host} leads nowhere.`);
    const allowed = found.filter((address) => mayDial(address, policy));
    if (allowed.length > 0) return only(allowed.slice(0, ADDRESSES_MAX));
    throw new Undeliverable(`The name ${host} leads to addresses that this platform does not send to.`);
  };
}

/** DNS first, which waits in no thread; what DNS does not know, the system may (names of containers, of this machine). */
function createLookUp(): (host: string) => Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
  const turn = pLimit(SYSTEM_AT_ONCE);
  return async (host) => {
    const isLocal = host === "localhost" || host.endsWith(".localhost");
    const answers = isLocal ? [] : await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    if (addresses.length > 0) return addresses;
    const found = await turn(() => lookup(isLocal ? "localhost" : host, { all: true }));
    return found.map(({ address }) => address);
  };
}

function only(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, done) => {
    const [first] = found;
    if (options.all === true || first === undefined) return done(null, found);
    done(null, first.address, first.family);
  };
}

function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  work.catch(() => {});
  return Promise.race([work, aborted]);
}

const codeSchema = z.object({ code: z.string() });

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "It refuses connections.",
  ECONNRESET: "It broke the connection off.",
  EPIPE: "It broke the connection off.",
  EHOSTUNREACH: "No way leads to its address.",
  ENETUNREACH: "No way leads to its address.",
  ENOTFOUND: "Its name leads nowhere.",
  EAI_AGAIN: "Its name cannot be looked up now.",
  CERT_HAS_EXPIRED: "Its certificate has expired.",
  ERR_TLS_CERT_ALTNAME_INVALID: "Its certificate is for other names.",
  DEPTH_ZERO_SELF_SIGNED_CERT: "Its certificate is signed by itself.",
  SELF_SIGNED_CERT_IN_CHAIN: "Its certificate is by an authority that nobody knows.",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "Its certificate is sent without its intermediate ones.",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "Its certificate is by an authority that nobody knows.",
  HPE_HEADER_OVERFLOW: "The headers of its answer are too long.",
};

/** Names and codes: where the name led is nobody's to learn. */
export function reasonOf(error: unknown): string {
  if (error instanceof Undeliverable) return error.message;
  const code = codeSchema.safeParse(error).data?.code;
  if (code === undefined) return "It could not be sent.";
  if (code.startsWith("HPE_")) return WORDS[code] ?? "What it answers is no HTTP.";
  return WORDS[code] ?? `It could not be sent (${code}).`;
}
