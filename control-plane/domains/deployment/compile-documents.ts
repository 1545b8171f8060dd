// Distributions as documents: what each one becomes, and what of it a group of edges is to get.
import { CompileRefusal, compileDocument } from "../../../edge-templates/index.ts";
import type { Logger } from "../../../platform/log.ts";
import { SealError } from "../../../platform/seal.ts";
import type { Tx } from "../../database/transaction.ts";
import { type DesiredState, findDesiredDistribution } from "../distribution/index.ts";
import { type EdgeGroupRecord, servingGroups } from "../edge-node/index.ts";
import type { EdgeSecrets, OpenedSecret } from "../edge-secret/index.ts";
import { compileShown } from "./certificates.ts";
import { neededSecrets } from "./needed-secrets.ts";
import type { Compilation } from "./rules.ts";

export async function compileAll(
  tx: Tx,
  edgeSecrets: EdgeSecrets,
  ids: readonly string[],
  log: Logger,
): Promise<readonly Compilation[]> {
  const compilations: Compilation[] = [];
  for (const id of ids) {
    const desired = await findDesiredDistribution(tx, id);
    if (desired !== undefined) compilations.push(await compileOne(tx, { edgeSecrets, log }, id, desired));
  }
  return compilations;
}

async function compileOne(
  tx: Tx,
  { edgeSecrets, log }: { edgeSecrets: EdgeSecrets; log: Logger },
  id: string,
  desired: DesiredState,
): Promise<Compilation> {
  const source = { id, sourceVersion: desired.sourceVersion };
  if (!desired.serve) return { kind: "nothing", ...source };
  const { edgeGroupIds, certificate: served } = desired;
  try {
    const secrets: OpenedSecret[] = [];
    for (const needed of neededSecrets(desired.distribution, served)) secrets.push(await edgeSecrets.open(tx, needed));
    const certificate = served && compileShown(served);
    const document = compileDocument(desired.distribution);
    return { kind: "document", ...source, edgeGroupIds, ...document, secrets, certificate };
  } catch (error) {
    if (error instanceof CompileRefusal) return { kind: "refusal", ...source, edgeGroupIds, reason: error.message };
    if (!(error instanceof SealError)) throw error;
    // The others must not wait for it.
    log.error({ distribution: id, error }, "a secret of a distribution does not open");
    const reason = "one of its secrets does not open: it has to be set again.";
    return { kind: "refusal", ...source, edgeGroupIds, reason };
  }
}

/** What is kept to other groups is nothing here. */
export function compilationsFor(
  groupId: string,
  groups: readonly EdgeGroupRecord[],
  compilations: readonly Compilation[],
): readonly Compilation[] {
  return compilations.map((compilation) => {
    if (compilation.kind === "nothing" || compilation.edgeGroupIds === null) return compilation;
    if (servingGroups(compilation.edgeGroupIds, groups).has(groupId)) return compilation;
    return { kind: "nothing", id: compilation.id, sourceVersion: compilation.sourceVersion };
  });
}
