// What the DNS says about a name, told apart as those who must explain it to a customer need it: which server answered what,
// and over which CNAMEs. Nothing is kept: an answer is as fresh as the server's own.
import { randomInt } from "node:crypto";
import { getServers } from "node:dns";
import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from "dns-packet";
import ipaddr from "ipaddr.js";
import { canonicalHostName } from "../host-name.ts";
import { exchange, NoDnsAnswer } from "./exchange.ts";
import { type DnsServerAddress, formatDnsServer, parseDnsServer } from "./server-address.ts";

export interface CaaRecord {
  readonly critical: boolean;
  /** In lower case. */
  readonly tag: string;
  readonly value: string;
}

/** Names in lower case without the final dot; the strings of a TXT record joined. */
interface RecordValues {
  A: string;
  AAAA: string;
  CNAME: string;
  NS: string;
  TXT: string;
  CAA: CaaRecord;
}
export type DnsRecordType = keyof RecordValues;
export type DnsValue<Type extends DnsRecordType> = RecordValues[Type];

interface Asked {
  /** `address:port` of who said so. */
  readonly resolver: string;
  /** The names that CNAME records led to, in their order. */
  readonly chain: readonly string[];
}

export type DnsAnswer<Value = string> =
  | (Asked & { readonly kind: "found"; readonly values: readonly Value[] })
  /** The name exists and has no such record. */
  | (Asked & { readonly kind: "none" })
  | (Asked & { readonly kind: "no-name" })
  /** Nobody gave an answer that counts; the reason follows "it …" or a server's name. */
  | (Asked & { readonly kind: "failed"; readonly reason: string });

export interface Resolver {
  /** Follows CNAMEs, unless a CNAME is what is asked for. Rejects only when the signal is aborted. */
  resolve<Type extends DnsRecordType>(
    name: string,
    type: Type,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<DnsAnswer<DnsValue<Type>>>;
}

export interface ResolverSettings {
  /** `address[:port]`, asked in this order until one knows; undefined: those of this machine. */
  readonly servers?: readonly string[] | undefined;
  /** For each server. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 3000;
const CHAIN_MAX = 8;
/** DNS Flag Day 2020: no fragments on the way. */
const UDP_BYTES_MAX = 1232;

export function createResolver({ servers, timeoutMs = TIMEOUT_MS }: ResolverSettings): Resolver {
  const addresses = (servers ?? getServers()).flatMap((text) => parseDnsServer(text) ?? []);
  return {
    async resolve(name, type, { signal } = {}) {
      const canonical = canonicalHostName(name);
      if (canonical === undefined) throw new Error(`${name} is no name that could be asked for`);
      const failures: DnsAnswer<never>[] = [];
      for (const server of addresses) {
        const answer = await follow({ name: canonical, type, server, timeoutMs, signal });
        if (answer.kind !== "failed") return answer;
        failures.push(answer);
      }
      const nobody = { kind: "failed", resolver: "none", chain: [], reason: "there is no resolver to ask" } as const;
      return failures[0] ?? nobody;
    },
  };
}

interface Inquiry<Type extends DnsRecordType> {
  readonly name: string;
  readonly type: Type;
  readonly server: DnsServerAddress;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A server that does not look further itself (that of a zone) is asked again for what the CNAME names. */
async function follow<Type extends DnsRecordType>(inquiry: Inquiry<Type>): Promise<DnsAnswer<DnsValue<Type>>> {
  const resolver = formatDnsServer(inquiry.server);
  const chain: string[] = [];
  let name = inquiry.name;
  while (chain.length <= CHAIN_MAX) {
    const reply = await ask({ ...inquiry, name });
    if (reply.kind === "failed") return { ...reply, resolver, chain };
    const found = valuesOf(reply.answers, name, inquiry.type);
    chain.push(...found.chain);
    const about = { resolver, chain };
    if (found.values.length > 0) return { kind: "found", values: found.values, ...about };
    if (reply.isNameUnknown) return { kind: "no-name", ...about };
    const last = found.chain.at(-1);
    if (last === undefined) return { kind: "none", ...about };
    name = last;
  }
  return { kind: "failed", resolver, chain, reason: `its CNAME records lead on and on, over ${chain.join(", ")}` };
}

type Reply =
  | { readonly kind: "answer"; readonly answers: readonly Answer[]; readonly isNameUnknown: boolean }
  | { readonly kind: "failed"; readonly reason: string };

async function ask<Type extends DnsRecordType>(inquiry: Inquiry<Type>): Promise<Reply> {
  const { name, type, server, timeoutMs, signal } = inquiry;
  const message = encode({
    type: "query",
    id: randomInt(0x10000),
    flags: RECURSION_DESIRED,
    questions: [{ name, type }],
    additionals: [edns],
  });
  try {
    const isAnswer = (reply: Buffer) => isAbout(reply, name, type);
    return replyOf(decode(await exchange(message, { server, timeoutMs, signal, isAnswer })));
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof NoDnsAnswer) return { kind: "failed", reason: error.message };
    return { kind: "failed", reason: "it answers with something that is no DNS message" };
  }
}

const edns = {
  type: "OPT",
  name: ".",
  udpPayloadSize: UDP_BYTES_MAX,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
} as const satisfies Answer;

function isAbout(reply: Buffer, name: string, type: string): boolean {
  try {
    const [question] = decode(reply).questions ?? [];
    return question !== undefined && question.name.toLowerCase() === name && question.type === type;
  } catch {
    return false;
  }
}

const NAME_UNKNOWN = 3;
const FAULTS: Readonly<Record<number, string>> = {
  1: "it did not understand the question (FORMERR)",
  2: "it found no good answer (SERVFAIL): the name servers of the domain are away, or its DNSSEC signatures are wrong",
  4: "it does not answer such questions (NOTIMP)",
  5: "it refuses to answer (REFUSED)",
};

function replyOf({ flags = 0, answers = [] }: Packet): Reply {
  const code = flags & 0xf;
  if (code !== 0 && code !== NAME_UNKNOWN) {
    return { kind: "failed", reason: FAULTS[code] ?? `it answers with code ${code}` };
  }
  return { kind: "answer", answers, isNameUnknown: code === NAME_UNKNOWN };
}

function valuesOf<Type extends DnsRecordType>(answers: readonly Answer[], asked: string, type: Type) {
  const chain: string[] = [];
  let name = asked;
  for (;;) {
    const values = answers.filter((answer) => canonicalName(answer.name) === name).flatMap((a) => read(a, type));
    const next = type === "CNAME" ? undefined : targetOf(answers, name);
    // RFC 1034 §3.6.2: a name with a CNAME has nothing else. A circle ends where it has been.
    if (values.length > 0 || next === undefined || chain.includes(next) || next === asked) return { values, chain };
    chain.push(next);
    name = next;
  }
}

function targetOf(answers: readonly Answer[], name: string): string | undefined {
  return answers.filter((answer) => canonicalName(answer.name) === name).flatMap((answer) => read(answer, "CNAME"))[0];
}

const readers: { readonly [Type in DnsRecordType]: (answer: Answer) => readonly RecordValues[Type][] } = {
  A: (answer) => (answer.type === "A" ? [answer.data] : []),
  AAAA: (answer) => (answer.type === "AAAA" ? [ipaddr.parse(answer.data).toString()] : []),
  CNAME: (answer) => (answer.type === "CNAME" ? [canonicalName(answer.data)] : []),
  NS: (answer) => (answer.type === "NS" ? [canonicalName(answer.data)] : []),
  TXT: (answer) => (answer.type === "TXT" ? [textOf(answer.data)] : []),
  CAA: (answer) => (answer.type === "CAA" ? [caaOf(answer.data)] : []),
};

function read<Type extends DnsRecordType>(answer: Answer, type: Type): readonly RecordValues[Type][] {
  return readers[type](answer);
}

function textOf(data: string | Buffer | readonly (string | Buffer)[]): string {
  const pieces = typeof data === "string" || Buffer.isBuffer(data) ? [data] : data;
  return pieces.map(String).join("");
}

/** RFC 8659 §4.1: the first bit of the flags. */
const CRITICAL = 0x80;

function caaOf({ flags = 0, tag, value }: { flags?: number | undefined; tag: string; value: string }): CaaRecord {
  return { critical: (flags & CRITICAL) !== 0, tag: tag.toLowerCase(), value };
}

function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
