// Ports for programs that listen only seconds after their port was chosen. They lie below those that the system gives out
// by itself, so that nobody is given one in between; and each worker of the run chooses from a range of its own.
import { randomInt } from "node:crypto";
import { assertPortFree } from "../../platform/embedded/ports.ts";
import { StartError } from "../../platform/embedded/start-error.ts";

const FIRST_PORT = 16_384;
const RANGES = 4;
const PORTS_PER_RANGE = 4_096;
const ATTEMPTS = 20;

const range = Number(process.env.VITEST_POOL_ID ?? 0) % RANGES;
const given = new Set<number>();

/** Free for TCP and UDP on every address, and given to nobody else of this process. */
export async function pickPort(): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = FIRST_PORT + range * PORTS_PER_RANGE + randomInt(PORTS_PER_RANGE);
    if (given.has(port)) continue;
    try {
      await assertPortFree({ port, setting: "the port" });
      await assertPortFree({ port, setting: "the port", protocol: "udp" });
    } catch (error) {
      if (!(error instanceof StartError) || attempt === ATTEMPTS) throw error;
      continue;
    }
    given.add(port);
    return port;
  }
}
