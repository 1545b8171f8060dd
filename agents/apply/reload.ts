// Makes nginx run a structure, or leaves it with the one it had. Exit codes prove nothing (a reload "succeeds" while the
// old files go on serving), so only the listeners' own answers count.
import { join } from "node:path";
import type { Refusal } from "../contract.ts";
import { markErrorLog } from "../observe/nginx-errors.ts";
import { NginxStartError } from "../observe/nginx-launch.ts";
import type { Edge } from "./edge.ts";
import { doorsOf, findHealthFault } from "./health.ts";
import { listenersOf, parseStructure, type Structure, type StructureRecord } from "./structure.ts";
import { taste } from "./taste.ts";

const TAKES_AT_MOST_MS = 15_000;

/** Undefined when nginx runs it; otherwise the refusal, and nginx runs what it ran before. */
export async function applyStructure(edge: Edge, record: StructureRecord): Promise<Refusal | undefined> {
  const refuse = (stage: "taste" | "reload", message: string): Refusal => ({
    kind: "structure",
    id: record.id,
    rev: record.rev,
    stage,
    message,
  });
  const before = await edge.structures.current();
  const kept = [...revsOf(before), ...revsOf(await edge.structures.former())];
  const prepared = await prepare(edge, record);
  if (prepared.fault !== undefined) {
    await edge.structures.prune(kept);
    return refuse("taste", prepared.fault);
  }
  await edge.structures.flip(record.rev);
  const fault = await take(edge, record.rev, prepared.structure);
  if (fault !== undefined) {
    await goBack(edge, before);
    await edge.structures.prune(kept);
    return refuse("reload", fault);
  }
  edge.progress.structure = record.rev;
  edge.progress.listeners = listenersOf(prepared.structure);
  await edge.structures.prune([record.rev, ...revsOf(before)]);
  edge.log.info({ structure: record.rev }, "nginx runs a new structure");
  // Where it gives their memory another size, nginx has forgotten them, and no file has them.
  edge.secrets.bringAllAgain();
  edge.refusals.add(await edge.secrets.bring(edge.control.keepSecrets));
  return undefined;
}

type Prepared = { readonly fault: string } | { readonly fault: undefined; readonly structure: Structure };

async function prepare(edge: Edge, { rev, body }: StructureRecord): Promise<Prepared> {
  let structure: Structure;
  try {
    structure = parseStructure(body);
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
  await edge.structures.write(rev, body);
  const fault = await taste(edge.home, edge.installation, { rev, structure });
  return fault === undefined ? { fault, structure } : { fault };
}

async function take(edge: Edge, rev: number, structure: Structure): Promise<string | undefined> {
  const errors = await markErrorLog(join(edge.home, "logs", "error.log"));
  if (edge.nginx.running()) {
    edge.nginx.reload();
  } else {
    try {
      await edge.nginx.restart();
    } catch (error) {
      if (error instanceof NginxStartError) return error.message;
      throw error;
    }
  }
  return await findHealthFault({
    doors: doorsOf(structure.probe),
    ownName: structure.probe.own_name,
    rev,
    withinMs: TAKES_AT_MOST_MS,
    giveUp: async () => finalEmergency(await errors.emergencies()),
  });
}

/** nginx tries a taken port five times before it says "still could not bind"; any other emergency is the end at once. */
function finalEmergency(lines: readonly string[]): string | undefined {
  const last = lines.at(-1);
  if (last === undefined || last.startsWith("bind()")) return undefined;
  return lines.find((line) => line.startsWith("bind()")) ?? last;
}

async function goBack(edge: Edge, before: { rev: number } | undefined): Promise<void> {
  await edge.structures.flip(before?.rev);
  if (before === undefined) await edge.nginx.stop();
  else if (edge.nginx.running()) edge.nginx.reload();
  else await edge.nginx.keepTrying();
}

/** False when there is nothing to go back to, or nginx does not take it. */
export async function rollBackStructure(edge: Edge): Promise<boolean> {
  const [current, former] = [await edge.structures.current(), await edge.structures.former()];
  if (current === undefined || former === undefined) return false;
  await edge.structures.flip(former.rev);
  const fault = await take(edge, former.rev, former.structure);
  if (fault !== undefined) {
    await goBack(edge, current);
    return false;
  }
  edge.progress.structure = former.rev;
  edge.progress.listeners = listenersOf(former.structure);
  return true;
}

function revsOf(structure: { rev: number } | undefined): number[] {
  return structure === undefined ? [] : [structure.rev];
}
