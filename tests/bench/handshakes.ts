// Viewers who shake hands and leave: each with a whole handshake over TLS 1.3, or with one that a ticket shortens.
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

const GIVE_UP_MS = 10_000;

export interface HandshakeLoad {
  readonly port: number;
  /** Who is asked for, each in turn. */
  readonly names: readonly string[];
  readonly connections: number;
  readonly handshakes: number;
  /** The tickets to come with, by name. */
  readonly tickets?: ReadonlyMap<string, Buffer>;
}

/** One that fails ends it all. */
export async function shakeHands(load: HandshakeLoad): Promise<void> {
  const { port, names, connections, handshakes, tickets } = load;
  const first = randomInt(names.length);
  let turn = 0;
  async function viewer(): Promise<void> {
    while (turn < handshakes) {
      const name = names[(first + turn) % names.length] ?? "";
      turn += 1;
      await shakeHand(port, name, tickets?.get(name));
    }
  }
  await Promise.all(Array.from({ length: connections }, viewer));
}

async function shakeHand(port: number, servername: string, session: Buffer | undefined): Promise<void> {
  const socket = dial(port, servername, session);
  await once(socket, "secureConnect", { signal: AbortSignal.timeout(GIVE_UP_MS) });
  if (socket.isSessionReused() !== (session !== undefined))
    throw new Error(`${servername}: not the handshake that was meant`);
  socket.end();
  await once(socket, "close");
}

/** The serial number of the certificate that is shown for a name. */
export async function serialShown(port: number, servername: string): Promise<string> {
  const socket = dial(port, servername);
  await once(socket, "secureConnect", { signal: AbortSignal.timeout(GIVE_UP_MS) });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

/** A ticket for each name. */
export async function ticketsFor(port: number, names: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const tickets = new Map<string, Buffer>();
  for (const name of names) {
    const socket = dial(port, name);
    const [ticket] = await once(socket, "session", { signal: AbortSignal.timeout(GIVE_UP_MS) });
    tickets.set(name, ticket);
    socket.destroy();
  }
  return tickets;
}

function dial(port: number, servername: string, session?: Buffer): TLSSocket {
  const address = { host: "127.0.0.1", port, servername, rejectUnauthorized: false, minVersion: "TLSv1.3" } as const;
  return connect({ ...address, ...(session === undefined ? {} : { session }) }).resume();
}
