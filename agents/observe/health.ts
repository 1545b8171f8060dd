// Whether this edge is well, for whoever watches the machine: it serves or is away on purpose, and can write its state.

import type { Edge } from "../apply/edge.ts";
import { nginxIsWanted } from "../apply/settle-node.ts";

interface Check {
  readonly name: "nginx" | "disk" | "control plane";
  readonly status: "ok" | "failed";
  readonly detail: string;
}

export interface Health {
  readonly status: "ok" | "failed";
  readonly node: string;
  readonly checks: readonly Check[];
}

/** A poll is answered within this time, even when there is nothing new. */
const CONTACT_WITHIN_MS = 60_000;

/** A control plane that is away is told, and no fault of the edge: it serves. */
export function healthOf(edge: Edge): Health {
  const checks = [nginxCheck(edge), diskCheck(edge), contactCheck(edge)];
  const isWell = checks.every(({ name, status }) => status === "ok" || name === "control plane");
  return { status: isWell ? "ok" : "failed", node: edge.node.wanted(), checks };
}

function nginxCheck(edge: Edge): Check {
  const isRunning = edge.nginx.running();
  if (isRunning) return { name: "nginx", status: "ok", detail: `structure ${edge.progress.structure}` };
  const isAway = !nginxIsWanted(edge);
  return { name: "nginx", status: isAway ? "ok" : "failed", detail: isAway ? "away for maintenance" : "does not run" };
}

function diskCheck({ progress }: Edge): Check {
  const fault = progress.diskFault;
  return { name: "disk", status: fault === undefined ? "ok" : "failed", detail: fault ?? "the state can be written" };
}

function contactCheck({ progress }: Edge): Check {
  const { contactAt } = progress;
  const agoMs = contactAt === undefined ? Number.POSITIVE_INFINITY : performance.now() - contactAt;
  const detail = contactAt === undefined ? "it has not answered yet" : `it answered ${Math.round(agoMs / 1000)} s ago`;
  return { name: "control plane", status: agoMs <= CONTACT_WITHIN_MS ? "ok" : "failed", detail };
}
