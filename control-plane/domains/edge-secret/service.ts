// Puts secrets into the feed of a group, sealed for its nodes, before the documents that name them; and takes them out when
// no distribution there needs them. Whoever calls holds the feed and the scope's lock.
import { hashOf, keyringBodySchema, PLATFORM_ACCOUNT } from "../../../agents/contract.ts";
import type { Seal } from "../../../platform/seal.ts";
import type { Database, Reads, Tx } from "../../database/transaction.ts";
import { enqueueJob } from "../../jobs/outbox.ts";
import { findNodeKeys } from "../edge-node/index.ts";
import {
  appendRecords,
  BATCH_MAX,
  type Candidate,
  type FeedWriter,
  findRecordHeads,
  findRecordsById,
  lockScope,
  replaceUses,
  type Use,
} from "../feed/index.ts";
import { openSecret, type SecretPurpose } from "../secret/index.ts";
import { type GroupKeys, openGroupKeys } from "./group-keys.ts";
import { resealSecrets } from "./jobs.ts";
import { currentGeneration, keyringFor } from "./rules.ts";
import { findUsers } from "./store.ts";

/** A secret that a document names. */
export interface NeededSecret {
  readonly id: string;
  /** Null: the platform's own. */
  readonly accountId: string | null;
  readonly purpose: SecretPurpose;
}

export interface OpenedSecret {
  readonly id: string;
  readonly accountId: string;
  readonly value: string;
}

/** What a group's nodes must have before they get the documents of these distributions. */
export interface SecretDelivery {
  readonly distributionIds: readonly string[];
  readonly uses: readonly Use[];
  readonly secrets: readonly OpenedSecret[];
}

export type EdgeSecrets = ReturnType<typeof createEdgeSecrets>;
export type SecretCourier = Awaited<ReturnType<EdgeSecrets["ready"]>>;

export function createEdgeSecrets({ db, seal }: { db: Database; seal: Seal }) {
  const groupKeys = openGroupKeys({ db, seal });

  async function open(reads: Reads, needed: NeededSecret): Promise<OpenedSecret> {
    const { id, accountId, purpose } = needed;
    const value = await openSecret(reads, seal, id, { accountId, purpose });
    return { id, accountId: accountId ?? PLATFORM_ACCOUNT, value };
  }

  return {
    open,
    /** Before a transaction: the keys are opened on a connection of their own. */
    ready: async () => courierWith(await groupKeys()),
    findUsers: (reads: Reads, scope: string, page: { after: string | null; limit: number }) =>
      findUsers(reads, scope, page),
  };
}

function courierWith(keys: GroupKeys) {
  /** Answers the secrets that nobody in the group needs any more: withdraw them behind the documents. */
  async function deliver(
    tx: Tx,
    writer: FeedWriter,
    scope: string,
    { distributionIds, uses, secrets }: SecretDelivery,
  ): Promise<readonly string[]> {
    await carry(tx, writer, scope, secrets);
    return replaceUses(tx, { table: "edge_secret_use", scope }, distributionIds, uses);
  }

  /** For what no distribution is the reason of: whoever brings it takes it away. */
  async function carry(tx: Tx, writer: FeedWriter, scope: string, secrets: readonly OpenedSecret[]): Promise<void> {
    if (secrets.length === 0) return;
    const generation = await bringKeyring(tx, writer, scope);
    const bodies = secrets.map(({ id, accountId, value }) => ({
      id,
      body: JSON.stringify(keys.seal({ scope, id, accountId, value }, generation)),
    }));
    await append(tx, writer, scope, "secret", bodies);
  }

  async function withdraw(tx: Tx, writer: FeedWriter, scope: string, ids: readonly string[]): Promise<void> {
    const tombstones = ids.map((id) => ({ id, body: "" }));
    await append(tx, writer, scope, "secret", tombstones);
  }

  /** Nodes came, went or have other keys: does nothing in a group that never had a secret. */
  async function renewKeyring(tx: Tx, writer: FeedWriter, scope: string): Promise<void> {
    if ((await heldKeyring(tx, scope)) !== undefined) await bringKeyring(tx, writer, scope);
  }

  /** Answers the generation that seals now. Another than before: what was sealed is to be sealed anew. */
  async function bringKeyring(tx: Tx, writer: FeedWriter, scope: string): Promise<number> {
    const held = await heldKeyring(tx, scope);
    const next = keyringFor(held, await findNodeKeys(tx, scope), (generation) => keys.keyOf(scope, generation));
    await append(tx, writer, scope, "keyring", [{ id: scope, body: JSON.stringify(next) }]);
    const generation = currentGeneration(next);
    if (held !== undefined && currentGeneration(held) !== generation)
      await enqueueJob(tx, resealSecrets, { scope, after: null });
    return generation;
  }

  return { deliver, carry, withdraw, renewKeyring };
}

async function heldKeyring(reads: Reads, scope: string) {
  const [record] = await findRecordsById(reads, "keyring", [scope]);
  return record === undefined ? undefined : keyringBodySchema.parse(JSON.parse(record.body));
}

/** An empty body is a tombstone. What is there already as it is, is left as it is. */
async function append(
  tx: Tx,
  writer: FeedWriter,
  scope: string,
  kind: "secret" | "keyring",
  contents: readonly { readonly id: string; readonly body: string }[],
): Promise<void> {
  for (let from = 0; from < contents.length; from += BATCH_MAX) {
    const some = contents.slice(from, from + BATCH_MAX);
    const heads = await findRecordHeads(
      tx,
      scope,
      some.map(({ id }) => ({ kind, id })),
    );
    const known = new Map(heads.map((head) => [head.id, head]));
    const candidates = some.flatMap(({ id, body }): Candidate[] => {
      const head = known.get(id);
      const hash = hashOf(body);
      const op = body === "" ? "del" : "put";
      if (head?.op === op && head.hash === hash) return [];
      const sourceVersion = (head?.source_version ?? 0) + 1;
      return [{ kind, id, op, body, hash, sourceVersion, compilerVersion: 1 }];
    });
    // Read anew each time: the counters move with every batch.
    if (candidates.length > 0) await appendRecords(tx, writer, await lockScope(tx, scope), candidates);
  }
}
