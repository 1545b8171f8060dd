// Apache Traffic Server, from the last Debian release that has it, with a cache on the disk and its RAM cache before it.
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DebianTools } from "../../platform/embedded/debian.ts";
import { type PeerSettings, peerTools, type StartedPeer, startPeerProcess, versionOf } from "./peer.ts";

const SUITE = "bookworm";
const PLACES = ["etc", "share", "run", "log", "cache"] as const;

export async function startTrafficServer(settings: PeerSettings): Promise<StartedPeer> {
  const { folder, port } = settings;
  const tools = await peerTools("trafficserver", SUITE);
  const command = tools.command("traffic_server", ["usr/lib/trafficserver"]);
  const version = await versionOf([...command, "-V"], /Apache Traffic Server - \S+ - (\S+)/);
  for (const place of PLACES) mkdirSync(join(folder, place));
  cpSync(tools.path("etc/trafficserver/ip_allow.yaml"), join(folder, "etc/ip_allow.yaml"));
  for (const [path, text] of Object.entries(files(settings, tools))) writeFileSync(join(folder, path), text);
  const env = { TS_RUNROOT: folder, LC_ALL: "C.UTF-8" };
  const server = { name: "traffic-server", command, env, isUnprivileged: true, port };
  return { version, processes: [await startPeerProcess(settings, server)] };
}

function files({ folder, port, originPort, core }: PeerSettings, tools: DebianTools): Record<string, string> {
  const onOneCore = [
    "CONFIG proxy.config.exec_thread.autoconfig INT 0",
    "CONFIG proxy.config.exec_thread.limit INT 1",
    "CONFIG proxy.config.accept_threads INT 0",
  ];
  return {
    "runroot.yaml": runroot(folder, tools),
    "etc/storage.config": `${join(folder, "cache")} 1G\n`,
    "etc/remap.config": `map / http://127.0.0.1:${originPort}/\n`,
    "etc/logging.yaml": LOGGING,
    "etc/records.config": [
      `CONFIG proxy.config.http.server_ports STRING ${port}:ip-in=127.0.0.1`,
      `CONFIG proxy.config.body_factory.template_sets_dir STRING ${tools.path("etc/trafficserver/body_factory")}`,
      "CONFIG proxy.config.crash_log_helper STRING NULL",
      "CONFIG proxy.config.reverse_proxy.enabled INT 1",
      // It serves before it caches, else.
      "CONFIG proxy.config.http.wait_for_cache INT 1",
      "CONFIG proxy.config.url_remap.remap_required INT 1",
      "CONFIG proxy.config.url_remap.pristine_host_hdr INT 1",
      "CONFIG proxy.config.log.max_secs_per_buffer INT 1",
      "CONFIG proxy.config.log.periodic_tasks_interval INT 1",
      ...(core === undefined ? [] : onOneCore),
      "",
    ].join("\n"),
  };
}

function runroot(folder: string, tools: DebianTools): string {
  const programs = ["bindir", "sbindir"].map((name) => `${name}: ${tools.path("usr/bin")}\n`);
  return `prefix: ${folder}
exec_prefix: ${folder}
${programs.join("")}sysconfdir: ${join(folder, "etc")}
datadir: ${join(folder, "share")}
includedir: ${join(folder, "share")}
libdir: ${tools.path("usr/lib/trafficserver")}
libexecdir: ${tools.path("usr/lib/trafficserver/modules")}
localstatedir: ${join(folder, "run")}
runtimedir: ${join(folder, "run")}
logdir: ${folder}
cachedir: ${join(folder, "cache")}
`;
}

const LOGGING = `logging:
  formats:
    - name: edge
      format: '{"time":"%<cqtq>","host":"%<{Host}cqh>","method":"%<cqhm>","path":"%<cqup>","status":%<pssc>,"cache_status":"%<crc>","bytes_out":%<psql>,"bytes_in":%<cqhl>,"duration_ms":%<ttms>,"protocol":"%<cqpv>","referrer":"%<{Referer}cqh>","user_agent":"%<{User-Agent}cqh>","client":"%<chi>"}'
  logs:
    - filename: access
      format: edge
      mode: ascii
`;
