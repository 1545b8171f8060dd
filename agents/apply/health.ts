// Whether the listeners run a structure: asked until they say so several times in a row, because old and new workers
// answer alternately for a moment after a reload.
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { parseJson } from "./document.ts";
import type { Structure } from "./structure.ts";
import { askAsViewer, type Door } from "./viewer-request.ts";

const healthSchema = z.object({ structure: z.int() });

const ONE_TRY_MS = 2_000;
const IN_A_ROW = 5;

export function doorsOf({ http, https }: Structure["probe"]): Door[] {
  const plain = { scheme: "http", ...http } as const;
  return https === null ? [plain] : [plain, { scheme: "https", ...https }];
}

interface Wanted {
  readonly doors: readonly Door[];
  readonly ownName: string;
  readonly rev: number;
  readonly withinMs: number;
  /** Ends the waiting early with a reason, when it is known already that it is in vain. */
  readonly giveUp: () => Promise<string | undefined>;
}

/** Undefined when every door answers the revision; otherwise what is wrong. */
export async function findHealthFault(wanted: Wanted): Promise<string | undefined> {
  const deadline = Date.now() + wanted.withinMs;
  let fault: string | undefined = "no answer";
  let inARow = 0;
  while (Date.now() < deadline) {
    fault = await askAll(wanted);
    inARow = fault === undefined ? inARow + 1 : 0;
    if (inARow === IN_A_ROW) return undefined;
    if (fault === undefined) continue;
    const hopeless = await wanted.giveUp();
    if (hopeless !== undefined) return hopeless;
    await delay(30);
  }
  return fault;
}

async function askAll({ doors, ownName, rev }: Wanted): Promise<string | undefined> {
  const faults = await Promise.all(doors.map((door) => askOne(door, ownName, rev)));
  return faults.find((fault) => fault !== undefined);
}

async function askOne(door: Door, ownName: string, rev: number): Promise<string | undefined> {
  const name = door.scheme === "unix" ? "the taste's socket" : `${door.scheme}://${door.host}:${door.port}`;
  try {
    const { status, body } = await askAsViewer({ door, host: ownName, path: "/__edge/health", timeoutMs: ONE_TRY_MS });
    const health = healthSchema.safeParse(parseJson(body));
    // 503: it drains, and serves all the same.
    if ((status !== 200 && status !== 503) || !health.success)
      return `${name} answered ${status} instead of its health`;
    return health.data.structure === rev ? undefined : `${name} still runs structure ${health.data.structure}`;
  } catch (error) {
    return `${name} does not answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}
