// Which connections have a request under way, so that a stopping server can end the others at once: Node's own
// closeIdleConnections spares those that never asked anything, and those that become idle afterwards.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

export interface RunningRequests {
  track(socket: Socket): void;
  /** Answers who makes the request's signal: aborted when the client goes away or the server stops. */
  begin(response: ServerResponse): () => AbortSignal;
  isRunning(socket: Duplex): boolean;
  end(): void;
}

/** The signal is made when it is asked for: most requests are over before anybody would look at it. */
class RunningRequest {
  readonly socket: Socket;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** One per request: `AbortSignal.any` on a signal that lives as long as the server leaks on Node 20. */
  signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  abort(message: string): void {
    this.#reason ??= new Error(message);
    this.#controller?.abort(this.#reason);
  }
}

export function createRunningRequests(): RunningRequests {
  const idle = new Set<Socket>();
  const running = new Set<RunningRequest>();
  let isStopping = false;

  const finish = (request: RunningRequest) => {
    running.delete(request);
    if (isStopping) request.socket.end();
    else if (!request.socket.destroyed) idle.add(request.socket);
  };

  return {
    track: (socket) => {
      idle.add(socket);
      socket.once("close", () => idle.delete(socket));
    },
    begin: (response) => {
      const request = new RunningRequest(response.req.socket);
      idle.delete(request.socket);
      running.add(request);
      response.once("close", () => {
        if (!response.writableFinished) request.abort("the client went away");
        finish(request);
      });
      if (isStopping) request.abort("the server is stopping");
      return () => request.signal();
    },
    isRunning: (socket) => [...running].some((request) => request.socket === socket),
    end: () => {
      isStopping = true;
      for (const socket of idle) socket.destroy();
      for (const request of running) request.abort("the server is stopping");
    },
  };
}
