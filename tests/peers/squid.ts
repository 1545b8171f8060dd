// Squid as an accelerator of one origin, in memory and in one process.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DebianTools } from "../../platform/embedded/debian.ts";
import { type PeerSettings, peerTools, type StartedPeer, startPeerProcess, versionOf } from "./peer.ts";

export async function startSquid(settings: PeerSettings): Promise<StartedPeer> {
  const { folder, port } = settings;
  const tools = await peerTools("squid");
  const command = tools.command("squid-gnutls");
  const version = await versionOf([...command, "-v"], /Version (\S+)/);
  const file = join(folder, "squid.conf");
  writeFileSync(file, configuration(settings, tools));
  const server = { name: "squid", command: [...command, "-N", "-f", file], isUnprivileged: true, port };
  return { version, processes: [await startPeerProcess(settings, server)] };
}

function configuration({ folder, port, originPort }: PeerSettings, tools: DebianTools): string {
  return `http_port 127.0.0.1:${port} accel defaultsite=localhost vhost
cache_peer 127.0.0.1 parent ${originPort} 0 no-query no-digest originserver name=origin
http_access allow all
cache_mem 1 GB
maximum_object_size_in_memory 4 MB
logformat edge {"time":"%ts.%03tu","host":"%{Host}>h","method":"%rm","path":"%>rp","status":%>Hs,"cache_status":"%Ss","bytes_out":%<st,"bytes_in":%>st,"duration_ms":%tr,"protocol":"%rv","referrer":"%{Referer}>h","user_agent":"%{User-Agent}>h","client":"%>a"}
access_log stdio:${join(folder, "access.log")} logformat=edge buffer-size=64KB
buffered_logs on
pid_filename ${join(folder, "squid.pid")}
cache_log ${join(folder, "cache.log")}
coredump_dir ${folder}
mime_table ${tools.path("usr/share/squid/mime.conf")}
icon_directory ${tools.path("usr/share/squid/icons")}
error_directory ${tools.path("usr/share/squid/errors/templates")}
err_page_stylesheet ${tools.path("etc/squid/errorpage.css")}
unlinkd_program ${tools.path("usr/lib/squid/unlinkd")}
pinger_enable off
shutdown_lifetime 0 seconds
`;
}
