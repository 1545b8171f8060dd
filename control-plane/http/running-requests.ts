// Which connections have a request under way, so that a stopping server can end the others at once: Node's own
// closeIdleConnections spares those that never asked anything, and those that become idle afterwards.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

export interface RunningRequests {
  track(socket: Socket): void;
  /** Aborted when the client goes away or the server stops. */
  signalOf(response: ServerResponse): AbortSignal;
  end(): void;
}

/** One signal per request: `AbortSignal.any` on a signal that lives as long as the server leaks on Node 20. */
export function createRunningRequests(): RunningRequests {
  const idle = new Set<Socket>();
  const running = new Map<AbortController, Socket>();
  let isStopping = false;

  const finish = (controller: AbortController, socket: Socket) => {
    running.delete(controller);
    if (isStopping) socket.end();
    else if (!socket.destroyed) idle.add(socket);
  };

  return {
    track: (socket) => {
      idle.add(socket);
      socket.once("close", () => idle.delete(socket));
    },
    signalOf: (response) => {
      const controller = new AbortController();
      const socket = response.req.socket;
      idle.delete(socket);
      running.set(controller, socket);
      response.once("close", () => {
        if (!response.writableFinished) controller.abort(new Error("the client went away"));
        finish(controller, socket);
      });
      if (isStopping) controller.abort(new Error("the server is stopping"));
      return controller.signal;
    },
    end: () => {
      isStopping = true;
      for (const socket of idle) socket.destroy();
      for (const controller of running.keys()) controller.abort(new Error("the server is stopping"));
    },
  };
}
