// nginx's own `proxy_cache`: the same program as the edge's, with none of the modules that the edge loads.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testNginx } from "../../platform/embedded/test-services.ts";
import { type PeerSettings, type StartedPeer, startPeerProcess } from "./peer.ts";

export async function startNginxProxy(settings: PeerSettings): Promise<StartedPeer> {
  const { folder, port } = settings;
  const { command, capabilities } = await testNginx();
  mkdirSync(join(folder, "cache"));
  writeFileSync(join(folder, "nginx.conf"), configuration(settings));
  const args = ["-p", `${folder}/`, "-e", "error.log", "-c", "nginx.conf", "-g", "daemon off;"];
  const child = await startPeerProcess(settings, { name: "nginx", command: [...command, ...args], port });
  return { version: capabilities.nginx, processes: [child] };
}

// As the edge's own cache has it, where it says the same: sizes, buffers, the log's buffer, kept connections.
function configuration({ port, originPort }: PeerSettings): string {
  const user = process.geteuid?.() === 0 ? "user root;" : "";
  return `${user}
pid nginx.pid;
error_log error.log warn;
worker_processes 1;
events { worker_connections 16384; }
http {
  proxy_cache_path cache/objects levels=1:2 keys_zone=objects:64m max_size=10g inactive=30d use_temp_path=off;
  proxy_temp_path cache/proxy;
  client_body_temp_path cache/body;
  fastcgi_temp_path cache/unused;
  uwsgi_temp_path cache/unused;
  scgi_temp_path cache/unused;
  log_format edge escape=json
    '{"time":"$msec","request_id":"$request_id","host":"$host","method":"$request_method","path":"$uri","status":$status,'
    '"cache_status":"$upstream_cache_status","bytes_out":$bytes_sent,"bytes_in":$request_length,'
    '"duration":$request_time,"origin":"$upstream_response_time","protocol":"$server_protocol","tls":"$ssl_protocol",'
    '"referrer":"$http_referer","user_agent":"$http_user_agent","client":"$remote_addr"}';
  upstream origin {
    server 127.0.0.1:${originPort};
    keepalive 256;
    keepalive_requests 100000;
  }
  server {
    listen 127.0.0.1:${port} backlog=16384;
    access_log access.log edge buffer=64k flush=1s;
    sendfile on;
    keepalive_timeout 65s;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_cache objects;
      proxy_cache_key $scheme$host$request_uri;
      proxy_cache_revalidate on;
      proxy_cache_background_update on;
      proxy_cache_lock on;
      add_header X-Cache $upstream_cache_status;
    }
  }
}
`;
}
