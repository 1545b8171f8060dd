// Keeps the edge's nginx running: starts or adopts it, starts it again when it dies, tells others each time it is new.
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../platform/log.ts";
import { createBackOff } from "../back-off.ts";
import {
  endProcesses,
  findMaster,
  isAlive,
  type Launch,
  launchNginx,
  NginxStartError,
  signal as sendSignal,
} from "./nginx-launch.ts";

export interface Nginx {
  running(): boolean;
  /** It is away on purpose: nobody waits for it, and it reads the disk when it comes. */
  isResting(): boolean;
  /** One that was let go still finishes what it is at. */
  isEnding(): boolean;
  /** Takes over the one that this edge left running; false when there is none. */
  adopt(): Promise<boolean>;
  /** Not to be waited for until it is started. */
  rest(): void;
  /** To be waited for, though there is nothing yet that it could start with. */
  expect(): void;
  /** Throws NginxStartError. */
  start(): Promise<void>;
  /** Lets it go: it takes no more viewers, finishes what it is at and ends. Returns at once. */
  retire(): Promise<void>;
  /** Goes on trying to start it, in the background. */
  keepTrying(): Promise<void>;
  /** Reads `current` anew. That it returns proves nothing: nginx keeps what it had when it does not like the new. */
  reload(): void;
  /** Opens its log files anew. */
  reopenLogs(): void;
  /** Ends it and starts it: it loads its state from the disk. */
  restart(): Promise<void>;
  /** Since the agent began. */
  counts(): { readonly starts: number; readonly reloads: number };
  /** Stops watching over it and lets it run on. */
  leave(): Promise<void>;
  stop(): Promise<void>;
}

export interface NginxSettings {
  readonly launch: Launch;
  /** True when nginx answers on its control socket: only then it has started. */
  readonly answers: () => Promise<boolean>;
  /** After every start but the first; its failure is logged. */
  readonly onRestarted: () => Promise<unknown>;
  readonly log: Logger;
}

const START_TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 200;
const STOP_GRACE_MS = 5_000;
/** Its own worker_shutdown_timeout ends it earlier; this is for one that hangs. */
const RETIRES_WITHIN_MS = 10 * 60_000;

export function createNginx({ launch, answers, onRestarted, log }: NginxSettings): Nginx {
  let pid: number | undefined;
  let watch: AbortController | undefined;
  let watching: Promise<void> = Promise.resolve();
  let resting = false;
  let starts = 0;
  let reloads = 0;
  let ending: { abort: AbortController; done: Promise<void> } | undefined;

  async function launchAndWait(): Promise<number> {
    await endProcesses(launch.folder, STOP_GRACE_MS);
    const launched = await launchNginx(launch);
    const outcome = await Promise.race([launched.failed, untilAnswering(launched.pid)]);
    if (outcome === "answers") {
      starts += 1;
      return launched.pid;
    }
    await endProcesses(launch.folder, STOP_GRACE_MS);
    throw outcome;
  }

  async function untilAnswering(launchedPid: number): Promise<"answers" | NginxStartError> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (Date.now() < deadline) {
      if (await answers()) return "answers";
      if (launchedPid > 0 && !(await isAlive(launch.folder, launchedPid))) {
        // What it said on its way out comes by `failed`, a moment later.
        await delay(LOOK_EVERY_MS);
        return new NginxStartError("nginx ended while it started");
      }
      await delay(20);
    }
    return new NginxStartError(`nginx did not answer on its control socket within ${START_TIMEOUT_MS / 1000} s`);
  }

  /** Runs until the watch is called off. */
  async function watchOver(signal: AbortSignal): Promise<void> {
    const backOff = createBackOff({ firstMs: 200, maxMs: 10_000 });
    while (!signal.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted || (pid !== undefined && (await isAlive(launch.folder, pid)))) continue;
      await startAgain(backOff, signal);
    }
  }

  async function startAgain(backOff: ReturnType<typeof createBackOff>, signal: AbortSignal): Promise<void> {
    if (pid !== undefined) log.error({ pid }, "nginx ended by itself: it is started again");
    pid = undefined;
    try {
      pid = await launchAndWait();
      backOff.reset();
      log.info({ pid }, "nginx serves again");
      await onRestarted();
    } catch (error) {
      if (signal.aborted) return;
      log.error({ error }, "nginx could not be started again yet");
      await backOff.wait(signal).catch(() => {});
    }
  }

  function startWatch(): void {
    watch = new AbortController();
    watching = watchOver(watch.signal);
  }

  async function stopWatch(): Promise<void> {
    watch?.abort();
    watch = undefined;
    await watching;
  }

  async function adopt(): Promise<boolean> {
    const left = launch.diesWithUs ? undefined : await findMaster(launch.folder);
    if (left === undefined || !(await answers())) return false;
    pid = left;
    log.info({ pid }, "nginx was running: adopted");
    startWatch();
    return true;
  }

  async function start(): Promise<void> {
    await leaveEnding();
    resting = false;
    pid = await launchAndWait();
    log.info({ pid }, "nginx started");
    startWatch();
  }

  async function keepTrying(): Promise<void> {
    await stopWatch();
    resting = false;
    startWatch();
  }

  async function retire(): Promise<void> {
    await stopWatch();
    const old = pid;
    pid = undefined;
    resting = true;
    if (old === undefined) return;
    sendSignal(old, "SIGQUIT");
    const abort = new AbortController();
    const done = untilEnded(old, abort.signal)
      .catch((error: unknown) => log.error({ error }, "an nginx that was let go does not end"))
      .finally(() => {
        ending = undefined;
      });
    ending = { abort, done };
  }

  async function untilEnded(old: number, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + RETIRES_WITHIN_MS;
    while (!signal.aborted && (await isAlive(launch.folder, old))) {
      if (Date.now() > deadline) return await endProcesses(launch.folder, STOP_GRACE_MS);
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }

  async function leaveEnding(): Promise<void> {
    ending?.abort.abort();
    await ending?.done;
  }

  function tell(name: NodeJS.Signals): void {
    if (pid !== undefined) sendSignal(pid, name);
  }

  return {
    running: () => pid !== undefined,
    isResting: () => resting,
    isEnding: () => ending !== undefined,
    adopt,
    rest: () => {
      resting = true;
    },
    expect: () => {
      resting = false;
    },
    start,
    retire,
    keepTrying,
    reload: () => {
      reloads += 1;
      tell("SIGHUP");
    },
    counts: () => ({ starts, reloads }),
    reopenLogs: () => tell("SIGUSR1"),
    restart: async () => {
      await stopWatch();
      resting = false;
      pid = undefined;
      pid = await launchAndWait();
      startWatch();
    },
    leave: async () => {
      await leaveEnding();
      await stopWatch();
    },
    stop: async () => {
      await leaveEnding();
      await stopWatch();
      pid = undefined;
      await endProcesses(launch.folder, STOP_GRACE_MS);
    },
  };
}
