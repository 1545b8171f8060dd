// What a message of Sign-In with Ethereum (EIP-4361) must say to be for us, now. No input or output; the clock comes in.
import { createSiweMessage, parseSiweMessage, type SiweMessage, validateSiweMessage } from "viem/siwe";
import { z } from "zod";

const MINUTE_MS = 60_000;
/** A wallet's clock may be a little fast. */
const AHEAD_MAX_MS = MINUTE_MS;
const AGE_MAX_MS = 10 * MINUTE_MS;

/** Who asks to be signed in to, and what must stand in the message. */
export interface Verifier {
  readonly publicUrl: URL;
  readonly chainId: number;
}

const date = z.date();
const messageSchema = z.object({
  address: z.templateLiteral(["0x", z.string()]),
  chainId: z.int(),
  domain: z.string(),
  issuedAt: date,
  nonce: z.string(),
  uri: z.url(),
  version: z.literal("1"),
  scheme: z.string().optional(),
  statement: z.string().optional(),
  expirationTime: date.optional(),
  notBefore: date.optional(),
  requestId: z.string().optional(),
  resources: z.array(z.string()).optional(),
});

export interface Claim {
  readonly address: `0x${string}`;
  readonly nonce: string;
}

/** What the message claims, or what is wrong with it. Whether the wallet has signed it is another question. */
export function claimOf(text: string, { publicUrl, chainId }: Verifier, now: Date): Claim | { fault: string } {
  const parsed = messageSchema.safeParse(parseSiweMessage(text));
  if (!parsed.success || !isWholeMessage(text, parsed.data)) return { fault: "is no message as EIP-4361 has it." };
  const message = parsed.data;
  const scheme = publicUrl.protocol.slice(0, -1);
  if (message.domain !== publicUrl.host || (message.scheme ?? scheme) !== scheme) {
    return { fault: `is for another domain: ${publicUrl.host} is ours.` };
  }
  if (new URL(message.uri).origin !== publicUrl.origin)
    return { fault: `has a URI that is not at ${publicUrl.origin}.` };
  if (message.chainId !== chainId) return { fault: `is for another chain: ${chainId} is ours.` };
  const ageMs = now.getTime() - message.issuedAt.getTime();
  if (ageMs > AGE_MAX_MS || ageMs < -AHEAD_MAX_MS) return { fault: "was not issued just now." };
  if (!validateSiweMessage({ message: known(message), time: now }))
    return { fault: "has expired, or does not hold yet." };
  return { address: message.address, nonce: message.nonce };
}

// The parser passes over lines that it does not expect, so a time limit in the wrong place would not count. Printed
// again, the message must be the same, but for how times and the address are written.
const WRITTEN_FREELY = /^(?:Issued At|Expiration Time|Not Before): |^0x/;

function isWholeMessage(text: string, message: z.output<typeof messageSchema>): boolean {
  const given = text.split("\n");
  const printed = printedAgain(message)?.split("\n") ?? [];
  return (
    given.length === printed.length &&
    given.every((line, index) => line === printed[index] || isSameLine(line, printed[index] ?? ""))
  );
}

function isSameLine(line: string, printed: string): boolean {
  const label = WRITTEN_FREELY.exec(line)?.[0];
  if (label === undefined || !printed.startsWith(label)) return false;
  return label !== "0x" || line.toLowerCase() === printed.toLowerCase();
}

function printedAgain(message: z.output<typeof messageSchema>): string | undefined {
  try {
    return createSiweMessage(known(message));
  } catch {
    // The library says by an error that a field is not what the standard wants.
    return undefined;
  }
}

/** Without the fields that the message does not have. */
function known({
  address,
  chainId,
  domain,
  issuedAt,
  nonce,
  uri,
  version,
  ...rest
}: z.output<typeof messageSchema>): SiweMessage {
  const { scheme, statement, expirationTime, notBefore, requestId, resources } = rest;
  return {
    ...{ address, chainId, domain, issuedAt, nonce, uri, version },
    ...(scheme === undefined ? {} : { scheme }),
    ...(statement === undefined ? {} : { statement }),
    ...(expirationTime === undefined ? {} : { expirationTime }),
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(resources === undefined ? {} : { resources }),
  };
}
