// Providers as operators set them up: what is set, what is kept secret, whether they answer.
import { isDeepStrictEqual } from "node:util";
import type { Seal } from "../../../platform/seal.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import type { Actor } from "../../http/caller.ts";
import { invalidRequest } from "../../http/problems.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { type Difference, differences, recordAudit } from "../audit/index.ts";
import { sealContext } from "./apis.ts";
import { checkProvider } from "./jobs.ts";
import { credentialsOf, inputFaults, settingsOf, type Wanted } from "./provider-rules.ts";
import { ownEdgesToReply, providerToReply } from "./reply.ts";
import type { ProviderInput, ProviderReply } from "./schema.ts";
import type { UrlPolicy } from "./settings.ts";
import { type ProviderName, providerNames } from "./statistics.ts";
import { findProvider, findProviders, insertProvider, lockName, lockProvider, updateProvider } from "./store.ts";

export type ProviderService = ReturnType<typeof createProviderService>;

type AnyProvider = ProviderReply["name"];

/** Throws when it is not what the caller has read: asked under the row's lock, before anything is written. */
type AssertUnchanged = (current: ProviderReply) => void;

export interface ProviderServiceSettings {
  readonly db: Database;
  readonly seal: Seal;
  readonly clock: () => Date;
  readonly policy: UrlPolicy;
  /** Our own edges, as the edge-node domain knows them. */
  readonly countEdges: (now: Date) => Promise<{ readonly nodes: number; readonly live: number }>;
}

export function createProviderService({ db, seal, clock, policy, countEdges }: ProviderServiceSettings) {
  async function list(): Promise<readonly ProviderReply[]> {
    const rows = await findProviders(db);
    const foreign = providerNames.map((name) =>
      providerToReply(
        name,
        rows.find((row) => row.name === name),
      ),
    );
    return [await ownEdges(), ...foreign];
  }

  async function get(name: AnyProvider): Promise<ProviderReply> {
    if (name === "gotipath") return ownEdges();
    return providerToReply(name, await findProvider(db, name));
  }

  async function ownEdges(): Promise<ProviderReply> {
    const now = clock();
    return ownEdgesToReply(await countEdges(now), now);
  }

  async function put(
    actor: Actor,
    name: ProviderName,
    input: ProviderInput,
    assertUnchanged: AssertUnchanged,
  ): Promise<ProviderReply> {
    return inTransaction(db, async (tx) => {
      await lockName(tx, name);
      const before = await lockProvider(tx, name);
      assertUnchanged(providerToReply(name, before));
      const former = before === undefined ? undefined : { settings: settingsOf(name, before.settings) };
      const faults = inputFaults(name, input, { former, policy });
      if (faults.length > 0) throw invalidRequest(faults);

      const { settings, credentials } = { settings: givenSettings(input), credentials: credentialsOf(name, input) };
      const isSame = isDeepStrictEqual([before?.settings, before?.isEnabled], [settings, input.is_enabled]);
      if (before !== undefined && isSame && credentials === undefined) return providerToReply(name, before);
      const now = clock();
      const written = {
        ...{ settings, isEnabled: input.is_enabled, updatedBy: actor.userId, updatedAt: now },
        // What was found out about the former settings says nothing of these.
        ...{ isHealthy: null, checkedAt: null, checkError: null, syncError: null },
      };
      const sealed = credentials && seal.seal(JSON.stringify(credentials), sealContext(name));
      if (before !== undefined) {
        await updateProvider(tx, name, { ...written, ...(sealed && { credentialsSealed: sealed }) });
      } else if (sealed !== undefined) {
        await insertProvider(tx, { name, ...written, credentialsSealed: sealed, syncedAt: null, createdAt: now });
      }
      const changes = changesBetween(before, { settings, isEnabled: input.is_enabled }, credentials);
      const deed = { action: "provider.put", accountId: null, resourceType: "provider", resourceId: name, changes };
      await recordAudit(tx, actor, deed);
      if (input.is_enabled) await enqueueJob(tx, checkProvider, { provider: name });
      return providerToReply(name, await findProvider(tx, name));
    });
  }

  return { list, get, put };
}

/** What an operator said, and nothing of the defaults: those may change with a release. */
function givenSettings({
  base_url,
  delivery_url,
  customer_id,
  paths,
}: ProviderInput): Readonly<Record<string, unknown>> {
  const given = { base_url, delivery_url, customer_id, paths };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function changesBetween(
  before: Pick<Wanted, "settings" | "isEnabled"> | undefined,
  after: Pick<Wanted, "settings" | "isEnabled">,
  credentials: Readonly<Record<string, string>> | undefined,
): readonly Difference[] {
  const said = ({ settings, isEnabled }: Pick<Wanted, "settings" | "isEnabled">) => ({
    is_enabled: isEnabled,
    settings,
  });
  const secrets = Object.keys(credentials ?? {}).map((name) => ({
    pointer: `/${name}`,
    ...(before === undefined ? {} : { before: "(set)" }),
    after: before === undefined ? "(set)" : "(changed)",
  }));
  return [...differences(before && said(before), said(after)), ...secrets];
}
