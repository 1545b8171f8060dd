// nginx from the disk: it starts, gets what no file holds (addresses, secrets), and the newest structure is tried if it does
// not run that yet.
import { NginxStartError } from "../observe/nginx-launch.ts";
import type { Edge } from "./edge.ts";
import { bringUpToDate } from "./serving.ts";
import { changeStructure } from "./snapshot.ts";

/** Returns when it serves, or when it cannot start for now and is tried again and again. */
export async function serveFromDisk(edge: Edge): Promise<void> {
  if ((await edge.structures.current()) === undefined) edge.nginx.expect();
  else if (await startOrKeepTrying(edge)) await bringUpToDate(edge);
  const { structureDue } = edge.progress;
  edge.progress.structureDue = undefined;
  if (structureDue !== undefined) await changeStructure(edge, structureDue);
}

/** False when it does not start for now. */
async function startOrKeepTrying({ nginx, log }: Edge): Promise<boolean> {
  try {
    await nginx.start();
    return true;
  } catch (error) {
    if (!(error instanceof NginxStartError)) throw error;
    log.error({ error }, "nginx does not start: it is tried again and again");
    await nginx.keepTrying();
    return false;
  }
}
