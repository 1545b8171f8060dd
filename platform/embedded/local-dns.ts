// The DNS server of a machine that has none of its own: it answers on loopback, over UDP and TCP, what the local zone knows.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { type Socket as Connection, createServer, type Server } from "node:net";
import { join } from "node:path";
import { wholeMessage, withLength } from "../dns/exchange.ts";
import type { Part } from "../lifecycle.ts";
import { createLocalZone, type LocalZone, type LocalZoneSettings } from "./local-zone.ts";
import { onFreePort } from "./ports.ts";
import { type EmbeddedSettings, makeFolder } from "./service.ts";
import { errorCode, StartError } from "./start-error.ts";

export interface LocalDns {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly part: Part;
}

const HOST = "127.0.0.1";
/** What every resolver takes in one datagram on loopback. */
const DATAGRAM_BYTES_MAX = 1232;
const STREAM_BYTES_MAX = 0xffff;
const IDLE_MS = 10_000;
const CONNECTIONS_MAX = 1000;

export async function startLocalDns(
  wanted: Pick<EmbeddedSettings, "folder" | "log"> & LocalZoneSettings,
): Promise<LocalDns> {
  const settings = makeFolder(wanted);
  const zone = createLocalZone(settings);
  const portFile = join(settings.folder, "port");
  return onFreePort(portFile, async (port) => {
    const streams = await listenForStreams(zone, port);
    const datagrams = await listenForDatagrams(zone, port).catch(async (error: unknown) => {
      await streams.stop();
      // Free for streams alone: it must not be chosen again.
      rmSync(portFile, { force: true });
      throw error;
    });
    const stop = async () => {
      await datagrams.stop();
      await streams.stop();
    };
    return { address: `${HOST}:${port}`, part: { name: "local DNS", stop } };
  });
}

interface Listener {
  stop(): Promise<void>;
}

async function listenForDatagrams(zone: LocalZone, port: number): Promise<Listener> {
  const socket = createSocket("udp4");
  let isOpen = true;
  socket.on("message", async (message, from) => {
    const answer = await zone.answer(message, { bytesMax: DATAGRAM_BYTES_MAX });
    if (answer !== undefined && isOpen) socket.send(answer, from.port, from.address);
  });
  await listening(socket, () => socket.bind({ port, address: HOST, exclusive: true }));
  // Whoever asked is gone already: nothing that matters here.
  socket.on("error", () => undefined);
  return {
    async stop() {
      isOpen = false;
      socket.close();
      await once(socket, "close");
    },
  };
}

async function listenForStreams(zone: LocalZone, port: number): Promise<Listener> {
  const connections = new Set<Connection>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
    answerStream(zone, connection);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listening(server, () => server.listen({ port, host: HOST, exclusive: true }));
  return {
    async stop() {
      server.close();
      for (const connection of connections) connection.destroy();
      await once(server, "close");
    },
  };
}

/** RFC 7766 §6.2.1: a connection carries one question after the other. */
function answerStream(zone: LocalZone, connection: Connection): void {
  let received = Buffer.alloc(0);
  let answering = Promise.resolve();
  const answer = async (message: Buffer) => {
    const bytes = await zone.answer(message, { bytesMax: STREAM_BYTES_MAX });
    if (bytes !== undefined && connection.writable) connection.write(withLength(bytes));
  };
  connection.setTimeout(IDLE_MS, () => connection.destroy());
  connection.on("error", () => connection.destroy());
  connection.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (let message = wholeMessage(received); message !== undefined; message = wholeMessage(received)) {
      const question = message;
      answering = answering.then(() => answer(question));
      received = received.subarray(2 + message.length);
    }
  });
}

async function listening(socket: Socket | Server, listen: () => void): Promise<void> {
  const ready = once(socket, "listening");
  listen();
  try {
    await ready;
  } catch (error) {
    throw new StartError(`The local DNS server could not listen on ${HOST} (${errorCode(error)}).`, { cause: error });
  }
}
