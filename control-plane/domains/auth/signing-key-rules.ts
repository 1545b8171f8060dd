// Which key signs, which are needed still, and when the next is due. No clock, no database.

/** How long a token is good. */
export const TOKEN_LIFETIME_MS = 24 * 60 * 60_000;
/** A process that runs reads the set at least this often. */
export const SET_FRESH_MS = 60_000;
/** Ten readings later, whoever is not cut off knows a new key: it signs from then on. */
export const KNOWN_AFTER_MS = 10 * SET_FRESH_MS;
/** For clocks that differ, and processes that were cut off for a while and signed with the key before. */
const SLACK_MS = 60 * 60_000;

interface Dated {
  readonly kid: string;
  readonly createdAt: Date;
}

/** The newest that every process knows; of a set so young that there is none, the oldest. */
export function signerOf<Key extends Dated>(keys: readonly Key[], now: Date): Key | undefined {
  const inOrder = byAge(keys);
  const known = inOrder.filter((key) => now.getTime() - key.createdAt.getTime() >= KNOWN_AFTER_MS);
  return known.at(-1) ?? inOrder[0];
}

/** Those whose last token has ended: a later one has been signing for longer than a token lasts. */
export function unneededOf<Key extends Dated>(keys: readonly Key[], now: Date): readonly Key[] {
  const inOrder = byAge(keys);
  return inOrder.filter((_, index) => {
    const successor = inOrder[index + 1];
    if (successor === undefined) return false;
    const lastTokenEnds = successor.createdAt.getTime() + KNOWN_AFTER_MS + TOKEN_LIFETIME_MS;
    return now.getTime() > lastTokenEnds + SLACK_MS;
  });
}

/** No key is younger than `everyMs`. */
export function isNextDue(keys: readonly Dated[], now: Date, everyMs: number): boolean {
  return keys.every((key) => now.getTime() - key.createdAt.getTime() >= everyMs);
}

/** The same order in every process, also for keys of one moment. */
function byAge<Key extends Dated>(keys: readonly Key[]): readonly Key[] {
  return [...keys].sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.kid < b.kid ? -1 : 1));
}
