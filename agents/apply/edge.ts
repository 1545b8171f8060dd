// What the steps share: the edge as the agent knows it while it runs.

import type { NginxInstallation } from "../../platform/embedded/nginx.ts";
import type { Logger } from "../../platform/log.ts";
import type { Listener } from "../config.ts";
import type { ControlPlane } from "../control-plane-client.ts";
import type { Nginx } from "../observe/nginx.ts";
import type { WorkerDeaths } from "../observe/worker-deaths.ts";
import type { Crashes } from "./crashes.ts";
import type { HeldBack } from "./held-back.ts";
import type { NginxControl } from "./nginx-control.ts";
import type { NodeState } from "./node-state.ts";
import type { OriginAddresses } from "./origin-addresses.ts";
import type { State } from "./persist.ts";
import type { PinsFile } from "./pins-file.ts";
import type { Prefetches } from "./prefetch-queue.ts";
import type { Refusals } from "./refusals.ts";
import type { Secrets } from "./secrets.ts";
import type { Held } from "./state-index.ts";
import type { StructureFolder, StructureRecord } from "./structure.ts";
import type { FeedKeys } from "./verify.ts";

export interface Edge {
  readonly home: string;
  /** Another one after the edge enrolled again, like its keys. */
  readonly scope: string;
  readonly feedKeys: FeedKeys;
  /** Before a feed is begun: another key may sign it. */
  readonly learnFeedKeys: (signal: AbortSignal) => Promise<void>;
  readonly installation: Pick<NginxInstallation, "command">;
  readonly controlPlane: ControlPlane;
  readonly state: State;
  readonly structures: StructureFolder;
  readonly nginx: Nginx;
  readonly control: NginxControl;
  readonly origins: OriginAddresses;
  readonly pinsFile: PinsFile;
  readonly secrets: Secrets;
  readonly workerDeaths: WorkerDeaths;
  readonly crashes: Crashes;
  readonly heldBack: HeldBack;
  /** For how long nobody may die until what nginx was given counts as innocent. */
  readonly crashTrialMs: number;
  readonly node: NodeState;
  readonly prefetches: Prefetches;
  /** Between the first word of maintenance and the end of nginx, at least. */
  readonly drainSeconds: number;
  readonly refusals: Refusals;
  readonly progress: Progress;
  readonly log: Logger;
  /** Tells the control plane soon where this edge stands. */
  readonly report: () => void;
  /** Ends the waiting for news: there is something else to do. */
  readonly wake: () => void;
}

/** The only things that change under the steps' hands. */
export interface Progress {
  /** Everything up to this revision is served or refused. */
  applied: number;
  /** Of the feed, taken since the agent began. */
  records: number;
  /** When the control plane last answered a poll, by performance.now(). */
  contactAt: number | undefined;
  /** Why the state could not be written the last time; absent when it could. */
  diskFault: string | undefined;
  /** The structure that nginx runs, 0 when none. */
  structure: number;
  /** One that came while nginx was away on purpose: it is tried when that comes back. */
  structureDue: StructureRecord | undefined;
  /** What nginx listens on by that structure: no origin may be there. */
  listeners: readonly Listener[];
  /** Shown to nginx in a probe; another one after each start of nginx. */
  probeSecret: string;
  /** Of a feed that is no more: removed when the new feed has been read to its end. */
  leftovers: readonly Held[];
  /** What the HTTPS listener was found to lack the last time; absent when it serves what the HTTP listener does. */
  httpsFault?: string | undefined;
  /** The control plane found the state hashes different, or what we know is no beginning for it. */
  startOver: boolean;
}
