// One message to one DNS server and its answer: UDP first, TCP where the answer does not fit (RFC 7766). Knows nothing of
// what the messages say.
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import type { DnsServerAddress } from "./server-address.ts";

export interface ExchangeSettings {
  readonly server: DnsServerAddress;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Of answers with the right id: is this the one? Whoever guesses ids fails here (RFC 5452 §4.2). */
  readonly isAnswer: (reply: Buffer) => boolean;
}

/** Why there is no answer, in words that follow "it" or a server's name. */
export class NoDnsAnswer extends Error {
  override readonly name = "NoDnsAnswer";
}

const HEADER_BYTES = 12;
/** A lost datagram is sent again, in a third of the time that there is. */
const UDP_SENDS_MAX = 3;
const TRUNCATED = 0x02;
const RESPONSE = 0x80;

export async function exchange(message: Buffer, settings: ExchangeSettings): Promise<Buffer> {
  const deadline = AbortSignal.timeout(settings.timeoutMs);
  const signal = settings.signal === undefined ? deadline : AbortSignal.any([settings.signal, deadline]);
  try {
    const { address, family } = await addressOf(settings.server);
    // The look-up itself cannot be broken off.
    signal.throwIfAborted();
    const to = { ...settings, signal, server: { host: address, port: settings.server.port } };
    const reply = await overUdp(message, to, family);
    return isTruncated(reply) ? await overTcp(message, to) : reply;
  } catch (error) {
    settings.signal?.throwIfAborted();
    throw explain(error, settings, deadline);
  }
}

async function addressOf({ host }: DnsServerAddress): Promise<{ address: string; family: number }> {
  try {
    return await lookup(host);
  } catch (cause) {
    throw new NoDnsAnswer(`the name ${host} has no address`, { cause });
  }
}

interface Destination extends ExchangeSettings {
  readonly signal: AbortSignal;
}

function overUdp(message: Buffer, to: Destination, family: number): Promise<Buffer> {
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  return new Promise<Buffer>((resolve, reject) => {
    const giveUp = () => reject(to.signal.reason);
    to.signal.addEventListener("abort", giveUp, { once: true });
    socket.once("error", reject);
    socket.on("message", (reply) => {
      if (answers(reply, message, to)) resolve(reply);
    });
    // Connected: the kernel lets nobody else's datagrams in, and says when nobody listens there.
    socket.connect(to.server.port, to.server.host, () => sendUntilAnswered(socket, message, to));
  }).finally(() => socket.close());
}

function sendUntilAnswered(socket: Socket, message: Buffer, { timeoutMs }: Destination): void {
  let sent = 0;
  const send = () => {
    sent += 1;
    socket.send(message);
    if (sent === UDP_SENDS_MAX) clearInterval(timer);
  };
  const timer = setInterval(send, timeoutMs / UDP_SENDS_MAX);
  socket.once("close", () => clearInterval(timer));
  send();
}

function overTcp(message: Buffer, to: Destination): Promise<Buffer> {
  const socket = connect({ host: to.server.host, port: to.server.port, signal: to.signal });
  return new Promise<Buffer>((resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.once("error", reject);
    socket.once("close", () => reject(new NoDnsAnswer("the connection was closed before there was an answer")));
    socket.once("connect", () => socket.write(withLength(message)));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      const reply = wholeMessage(received);
      if (reply === undefined) return;
      if (answers(reply, message, to)) resolve(reply);
      else reject(new NoDnsAnswer("the answer is to another question"));
    });
  }).finally(() => socket.destroy());
}

/** RFC 1035 §4.2.2: over TCP two bytes say how long the message is. */
export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** The first message of what came over TCP; undefined: more is to come. */
export function wholeMessage(received: Buffer): Buffer | undefined {
  if (received.length < 2) return undefined;
  const end = 2 + received.readUInt16BE(0);
  return received.length < end ? undefined : received.subarray(2, end);
}

function answers(reply: Buffer, message: Buffer, { isAnswer }: Destination): boolean {
  return (
    reply.length >= HEADER_BYTES &&
    reply.readUInt16BE(0) === message.readUInt16BE(0) &&
    (reply.readUInt8(2) & RESPONSE) !== 0 &&
    isAnswer(reply)
  );
}

function isTruncated(reply: Buffer): boolean {
  return (reply.readUInt8(2) & TRUNCATED) !== 0;
}

function explain(error: unknown, { timeoutMs }: ExchangeSettings, deadline: AbortSignal): NoDnsAnswer {
  if (error instanceof NoDnsAnswer) return error;
  if (deadline.aborted) return new NoDnsAnswer(`no answer within ${timeoutMs / 1000} s`, { cause: error });
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const why = code === "ECONNREFUSED" ? "nobody listens there" : `it cannot be reached (${code})`;
  return new NoDnsAnswer(why, { cause: error });
}
