// The secrets of this edge's group: as they came, sealed, and what nginx has of them, opened. A secret that does not open
// is told, and is nobody's reason to stop: only the requests that need it fail.
import type { Logger } from "../../platform/log.ts";
import type { FeedRecord, Refusal } from "../contract.ts";
import type { Identity } from "../identity/identity.ts";
import { type GroupKeys, openKeyring, openSecret, TICKET_ROOT_ID, ticketRootOf } from "./open-secrets.ts";

/** What nginx is told by id; `false`: it is gone. */
export type SecretChanges = Readonly<Record<string, string | false>>;

type Send = (changes: SecretChanges) => Promise<void>;
export type SecretRecord = Pick<FeedRecord, "kind" | "id" | "rev" | "op" | "body">;

export interface Secrets {
  /** Takes a record of kind `secret` or `keyring`; others are none of its business. */
  note(record: SecretRecord): void;
  /** All that there is now: what is not among these is gone. */
  replace(records: readonly SecretRecord[]): void;
  /** Sends what nginx does not have yet; what fails to be sent is sent again. Returns what does not open. */
  bring(send: Send): Promise<readonly Refusal[]>;
  /** Takes away what is gone: once nothing names it any more. */
  takeAway(send: Send): Promise<void>;
  /** nginx began anew: everything is to be sent. */
  bringAllAgain(): void;
  /** There are secrets, and the keyring has no key for this edge. */
  isLockedOut(): boolean;
}

const SECRETS_PER_CALL = 1_000;

export function createSecrets(settings: {
  readonly identity: () => Pick<Identity, "edgeId" | "key" | "scope">;
  readonly log: Logger;
}): Secrets {
  const { identity, log } = settings;
  const sealed = new Map<string, SecretRecord>();
  /** What nginx must be given, and what must be taken from it. */
  const due = new Set<string>();
  const gone = new Set<string>();
  let keyring: SecretRecord | undefined;
  let keys: GroupKeys = new Map();
  /** By what nginx seals sessions: a restored database gives the same generation another key. */
  let ticketRoot: string | undefined;
  /** Whose key opened the keyring: the edge may enrol again. */
  let openedBy: unknown;

  function note(record: SecretRecord): void {
    if (record.kind === "keyring") {
      keyring = record.op === "put" ? record : undefined;
      openedBy = undefined;
    } else if (record.kind === "secret") {
      if (record.op === "put") take(record);
      else drop(record.id);
    }
  }

  function take(record: SecretRecord): void {
    sealed.set(record.id, record);
    due.add(record.id);
    gone.delete(record.id);
  }

  function drop(id: string): void {
    sealed.delete(id);
    due.delete(id);
    gone.add(id);
  }

  function dueAll(): void {
    for (const id of sealed.keys()) due.add(id);
  }

  function openKeys(): readonly Refusal[] {
    const { key } = identity();
    if (openedBy === key || keyring === undefined) return [];
    const before = keys;
    openedBy = key;
    try {
      keys = openKeyring(keyring.body, identity());
    } catch {
      keys = new Map();
      return [refusal(keyring, "the keyring does not open with this edge's key")];
    }
    // What waited for a key may open now.
    if ([...keys].some(([generation, opened]) => before.get(generation)?.equals(opened) !== true)) dueAll();
    if (keys.size === 0 && sealed.size > 0)
      log.warn("the keyring has no key for this edge yet: its secrets stay closed");
    return [];
  }

  async function bringTicketRoot(send: Send): Promise<void> {
    const root = ticketRootOf(keys);
    if (root === undefined || root === ticketRoot) return;
    await send({ [TICKET_ROOT_ID]: root });
    ticketRoot = root;
  }

  function openDue(): { opened: [string, string][]; refused: Refusal[] } {
    const opened: [string, string][] = [];
    const refused: Refusal[] = [];
    for (const id of keys.size === 0 ? [] : due) {
      const record = sealed.get(id);
      if (record === undefined) continue;
      try {
        const value = openSecret(record, identity().scope, keys);
        if (value !== undefined) opened.push([id, value]);
      } catch {
        // What went wrong could show what was sealed: that it did is enough.
        refused.push(refusal(record, "the secret does not open with the keyring's key"));
      }
    }
    return { opened, refused };
  }

  return {
    note,
    replace: (records) => {
      const kept = new Set(records.map(({ id }) => id));
      for (const id of [...sealed.keys()].filter((known) => !kept.has(known))) drop(id);
      keyring = undefined;
      for (const record of records) note(record);
    },
    bring: async (send) => {
      const unopened = openKeys();
      await bringTicketRoot(send);
      const { opened, refused } = openDue();
      for (let from = 0; from < opened.length; from += SECRETS_PER_CALL) {
        const some = opened.slice(from, from + SECRETS_PER_CALL);
        await send(Object.fromEntries(some));
        for (const [id] of some) due.delete(id);
      }
      for (const { id } of refused) due.delete(id);
      for (const { id, message } of [...unopened, ...refused])
        log.error({ secret: id, reason: message }, "a secret stays closed");
      return [...unopened, ...refused];
    },
    takeAway: async (send) => {
      const ids = [...gone];
      for (let from = 0; from < ids.length; from += SECRETS_PER_CALL) {
        const some = ids.slice(from, from + SECRETS_PER_CALL);
        await send(Object.fromEntries(some.map((id) => [id, false])));
        for (const id of some) gone.delete(id);
      }
    },
    bringAllAgain: () => {
      ticketRoot = undefined;
      dueAll();
    },
    isLockedOut: () => sealed.size > 0 && keyring !== undefined && keys.size === 0,
  };
}

function refusal({ kind, id, rev }: SecretRecord, message: string): Refusal {
  return { kind, id, rev, stage: "open", message };
}
