// Which job does what, and what recurs: for the worker and the scheduler role.
import type { Logger } from "../../../platform/log.ts";
import type { ObjectStorage } from "../../../platform/object-storage/storage.ts";
import type { Seal } from "../../../platform/seal.ts";
import type { Database } from "../../database/transaction.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import { certificateChanged } from "../certificate/index.ts";
import { distributionChanged, findNameSharers, redeployServed } from "../distribution/index.ts";
import { edgeGroupChanged, edgeKeysChanged, edgeNodeChanged, gainCapabilities } from "../edge-node/index.ts";
import { resealSecrets } from "../edge-secret/index.ts";
import {
  compilerChanged,
  createCheckpointWriter,
  createFeedRebuild,
  type FeedSigner,
  rebuildFeed,
  recompileDistributions,
  writeCheckpoints,
} from "../feed/index.ts";
import { renumberPurges } from "../purge/index.ts";
import { createCompiler } from "./compile.ts";
import { advanceDeploymentRollout, reconcileDeployments, settleDeployments } from "./jobs.ts";
import { reconcile } from "./reconcile.ts";
import { createEdgeReportService } from "./report.ts";
import { advanceRollout, beginRollout } from "./rollout.ts";
import type { CanaryLimits } from "./rollout-rules.ts";
import { deployShields } from "./shields.ts";
import { renumberDeployments } from "./store.ts";

const renumber: typeof renumberDeployments = async (tx, scope, records) => {
  await renumberDeployments(tx, scope, records);
  await renumberPurges(tx, scope, records);
};

const CHECKPOINT_EVERY_MS = 30_000;
const ROLLOUT_EVERY_MS = 5_000;
const RECONCILE_EVERY_MS = 60_000;

export interface DeploymentWorkerSettings {
  readonly db: Database;
  readonly signer: FeedSigner;
  readonly seal: Seal;
  readonly storage: ObjectStorage;
  readonly clock: () => Date;
  /** Names of the edges themselves, which answer `/__edge/health`. */
  readonly ownNames: readonly string[];
  /** Wakes the agents of a scope: see announceOver. */
  readonly announce: (scope: string) => void;
  /** When what a new compiler made goes on from the canary group. */
  readonly canary: CanaryLimits;
  readonly log: Logger;
}

export function deploymentHandlers(settings: DeploymentWorkerSettings): JobHandler[] {
  const { db, clock, canary, log } = settings;
  const compiler = createCompiler(settings);
  const rebuild = createFeedRebuild({ ...settings, renumber });
  const checkpoints = createCheckpointWriter(settings);
  const reports = createEdgeReportService({ db, clock });
  return [
    // Between whom a name has moved, that is one change: no edge takes a second document with one host.
    handleJob(distributionChanged, async ({ distribution_id: id }) => compiler.deploy(await findNameSharers(db, id))),
    handleJob(certificateChanged, async (change) => {
      if (change.after === null) await compiler.deployPlatformCertificates();
      await redeployServed(db, change);
    }),
    handleJob(edgeGroupChanged, async ({ group_id }) => {
      await compiler.deployStructure(group_id);
      await deployShields(settings);
    }),
    handleJob(edgeKeysChanged, ({ group_id }) => compiler.deployKeyring(group_id)),
    handleJob(resealSecrets, ({ scope, after }) => compiler.reseal(scope, after)),
    handleJob(edgeNodeChanged, async (change) => {
      await compiler.deployNode(change);
      await deployShields(settings);
    }),
    handleJob(recompileDistributions, (recompilation) => compiler.recompile(recompilation)),
    handleJob(compilerChanged, ({ compiler_version: version }) => beginRollout(db, version, clock())),
    handleJob(advanceDeploymentRollout, () => advanceRollout({ db, clock, limits: canary, log })),
    handleJob(settleDeployments, ({ scope }, signal) => reports.settleAll(scope, signal)),
    handleJob(rebuildFeed, ({ feed_id }, signal) => rebuild(feed_id, signal)),
    handleJob(writeCheckpoints, (_, signal) => checkpoints.writeDue(signal)),
    handleJob(reconcileDeployments, async () => {
      await gainCapabilities(db, clock());
      await reconcile({ db, now: clock(), log });
      await deployShields(settings);
    }),
  ];
}

export const deploymentSchedules: readonly Schedule[] = [
  every(CHECKPOINT_EVERY_MS, writeCheckpoints, {}),
  every(ROLLOUT_EVERY_MS, advanceDeploymentRollout, {}),
  every(RECONCILE_EVERY_MS, reconcileDeployments, {}),
];
