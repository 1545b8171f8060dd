// The origin of the edge's benchmark: nginx, which hands out files of two sizes as fast as any, and behind it one that
// takes its time and counts who asks.
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pickPort } from "../../platform/embedded/ports.ts";
import { testNginx } from "../../platform/embedded/test-services.ts";
import { stopInReverse } from "../../platform/lifecycle.ts";
import { startPeerProcess } from "../peers/peer.ts";

export const SLOW_ORIGIN_MS = 100;
export const END_OF_SLOW_ANSWER = "the end of it";

export interface EdgeOrigin {
  readonly port: number;
  /** How often `/slow/…` was asked for since the last time somebody wanted to know. */
  takeSlowRequests(): number;
  stop(): Promise<void>;
}

export async function startEdgeOrigin(folder: string, core: number): Promise<EdgeOrigin> {
  const slow = await startSlowOrigin();
  const port = await pickPort();
  mkdirSync(join(folder, "files"), { recursive: true });
  writeFileSync(join(folder, "files/1k.jpg"), Buffer.alloc(1024, "k"));
  writeFileSync(join(folder, "files/100k.jpg"), Buffer.alloc(100 * 1024, "k"));
  writeFileSync(join(folder, "nginx.conf"), configuration(port, slow.port));
  const { command } = await testNginx();
  const args = ["-p", `${folder}/`, "-e", "error.log", "-c", "nginx.conf", "-g", "daemon off;"];
  const nginx = await startPeerProcess(
    { core, folder, port, originPort: slow.port },
    { name: "origin", command: [...command, ...args], port },
  );
  return {
    port,
    takeSlowRequests: slow.takeRequests,
    stop: () => stopInReverse([{ name: "slow origin", stop: slow.stop }, nginx]),
  };
}

function configuration(port: number, slowPort: number): string {
  const user = process.geteuid?.() === 0 ? "user root;" : "";
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);
  return `${user}
pid nginx.pid;
error_log error.log warn;
events { worker_connections 4096; }
http {
  ${temporary.join(" ")}
  types { image/jpeg jpg; }
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=16;
  upstream slow { server 127.0.0.1:${slowPort}; keepalive 256; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root files;
    add_header Cache-Control "public, max-age=86400";
    location /each/ { rewrite ^ /1k.jpg break; }
    location /slow/ {
      proxy_pass http://slow;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

async function startSlowOrigin() {
  let requests = 0;
  const server = createServer(async ({ url = "" }, response) => {
    requests += 1;
    await wait(SLOW_ORIGIN_MS);
    const keeping = url.includes("no-store") ? "no-store" : "max-age=3600";
    response.writeHead(200, {
      "content-type": "image/jpeg",
      "cache-control": keeping,
      "content-length": String(END_OF_SLOW_ANSWER.length),
    });
    response.end(END_OF_SLOW_ANSWER);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 4096, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    takeRequests() {
      const taken = requests;
      requests = 0;
      return taken;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
