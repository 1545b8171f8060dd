// Varnish, in memory. It compiles its configuration with a C compiler, which comes along from Debian, and logs by a
// program of its own.
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DebianTools } from "../../platform/embedded/debian.ts";
import { type PeerSettings, peerTools, type StartedPeer, startPeerProcess, versionOf } from "./peer.ts";

const LOG_FORMAT =
  '{"time":"%{%s}t","host":"%{Host}i","method":"%m","path":"%U","status":%s,"cache_status":"%{Varnish:handling}x",' +
  '"bytes_out":%O,"bytes_in":%I,"duration":%T,"protocol":"%H","referrer":"%{Referer}i","user_agent":"%{User-Agent}i",' +
  '"client":"%h"}';

export async function startVarnish(settings: PeerSettings): Promise<StartedPeer> {
  const { folder, port, originPort } = settings;
  const tools = await peerTools("varnish");
  const varnishd = tools.command("varnishd");
  const version = await versionOf([...varnishd, "-V"], /varnish-(\S+)/);
  const [vcl, compiler, workFolder] = [join(folder, "edge.vcl"), join(folder, "compile.sh"), join(folder, "work")];
  writeFileSync(vcl, `vcl 4.1;\nbackend origin { .host = "127.0.0.1"; .port = "${originPort}"; }\n`);
  writeFileSync(compiler, compilerScript(tools));
  chmodSync(compiler, 0o755);
  const server = await startPeerProcess(settings, {
    name: "varnish",
    command: [
      ...[...varnishd, "-F", "-n", workFolder, "-a", `127.0.0.1:${port}`, "-f", vcl, "-s", "malloc,1G"],
      // Two minutes and ten seconds otherwise.
      ...(settings.isByTheBook ? ["-p", "default_ttl=0", "-p", "default_grace=0"] : []),
      ...["-p", `cc_command=${compiler} %s %o`],
      ...["-p", `vmod_path=${tools.path(`usr/lib/${tools.triplet}/varnish/vmods`)}`],
    ],
    port,
  });
  const logger = [...tools.command("varnishncsa"), "-n", workFolder, "-F", LOG_FORMAT];
  const log = await startPeerProcess(settings, {
    name: "varnish-log",
    command: [...logger, "-w", join(folder, "access.log")],
  });
  return { version, processes: [server, log] };
}

/** gcc starts its parts by themselves, and they need the loader too. */
function compilerScript(tools: DebianTools): string {
  const gcc = tools.command(`${tools.triplet}-gcc`);
  const loader = gcc.slice(0, -1);
  const prefix = tools.path(`usr/bin/${tools.triplet}-`);
  return `#!/bin/sh
set -e
exec 1>&2
${gcc.join(" ")} -wrapper ${loader.join(",")} -B ${prefix} --sysroot=${tools.folder} -O2 -fpic -pthread -c "$1" -o "$1.o"
${tools.command("ld").join(" ")} -shared -o "$2" "$1.o"
`;
}
