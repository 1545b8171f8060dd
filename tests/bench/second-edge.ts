// Another edge beside the product's own: an agent with a home, ports and a group of its own, which follows the same feed.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { endProcesses } from "../../agents/observe/nginx-launch.ts";
import { openNginx } from "../../platform/embedded/nginx.ts";
import { pickPort } from "../../platform/embedded/ports.ts";
import { testTools } from "../../platform/embedded/test-services.ts";
import { eventually } from "../system/api.ts";
import { PROGRAM, type Product } from "../system/product.ts";

const run = promisify(execFile);
const READY_TIMEOUT_MS = 60_000;
const NGINX_GRACE_MS = 3_000;

export interface SecondEdge {
  readonly httpPort: number;
  /** Its agent's folder, and its agent. */
  readonly home: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export async function startSecondEdge(product: Product, folder: string): Promise<SecondEdge> {
  const [httpPort, httpsPort] = [await pickPort(), await pickPort()];
  const home = join(folder, "second-edge");
  const settings = JSON.stringify({ listeners: { host: "127.0.0.1", http: httpPort, https: httpsPort } });
  const enrol = [PROGRAM, "edge:enrol", "second", "--settings", settings, "--json"];
  const { stdout } = await run(process.execPath, enrol, { env: { ...product.env } });
  const env = {
    ...product.env,
    CONTROL_PLANE_URL: product.apiUrl,
    EDGE_HOME: home,
    EDGE_NAME: "second",
    EDGE_ENROLMENT_TOKEN: z.object({ token: z.string() }).parse(JSON.parse(stdout)).token,
    NGINX_INSTALLATION: JSON.stringify(await openNginx({ path: undefined, openTools: testTools })),
    ALLOW_PRIVATE_ORIGINS: "true",
    AGENT_METRICS_ADDRESS: "off",
  };
  const log = openSync(join(folder, "second-edge.log"), "a");
  const child = spawn(process.execPath, [PROGRAM, "agent:start"], { env, stdio: ["ignore", log, log] });
  closeSync(log);
  const stop = async () => {
    if (child.exitCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    // It serves on without its agent.
    await endProcesses(home, NGINX_GRACE_MS);
  };
  try {
    await eventually(async () => {
      const { ok } = await fetch(`http://127.0.0.1:${httpPort}/__edge/health`);
      if (!ok) throw new Error("the second edge is not healthy yet");
    }, READY_TIMEOUT_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { httpPort, home, pid: child.pid ?? 0, stop };
}
