// Whether the HTTPS listener serves what the HTTP listener was just proven to serve. When it does not, no document is at
// fault: the log says so, once, and once more when it is over.
import type { Refusal } from "../contract.ts";
import type { Edge } from "./edge.ts";
import { type Expectation, findFaultNow, type Probing, sampleOf } from "./probe.ts";

/** Each costs a handshake. */
const HOSTS_MAX = 5;

/** Tries a few of those that HTTP did not refuse. */
export async function watchSecureDoor(
  { progress, log }: Pick<Edge, "progress" | "log">,
  { expectations, refused }: { expectations: readonly Expectation[]; refused: readonly Refusal[] },
  probing: Probing,
): Promise<void> {
  const bad = new Set(refused.map(({ id }) => id));
  const proven = expectations.filter(({ id }) => !bad.has(id));
  if (proven.length === 0) return;
  const faults = await Promise.all(sampleOf(proven, HOSTS_MAX).map((one) => faultWithHost(one, probing)));
  if (probing.signal.aborted) return;
  const fault = faults.find((one) => one !== undefined);
  const before = progress.httpsFault;
  progress.httpsFault = fault;
  if (fault !== undefined && before === undefined)
    log.error({ door: probing.door, reason: fault }, "the HTTPS listener does not serve what the HTTP listener serves");
  if (fault === undefined && before !== undefined) log.warn({ door: probing.door }, "the HTTPS listener serves again");
}

async function faultWithHost(expected: Expectation, probing: Probing): Promise<string | undefined> {
  const fault = await findFaultNow(expected, probing);
  return fault === undefined ? undefined : `${expected.host}: ${fault}`;
}
