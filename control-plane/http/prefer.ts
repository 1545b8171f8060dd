// RFC 7240: a client that would rather wait for the outcome than ask for it later says for how long.

const WAIT_SECONDS_MAX = 30;

/** Of `Prefer: wait=N`; 0 when the header does not say so. A preference that makes no sense is none. */
export function waitSecondsOf(header: string | undefined): number {
  const preferences = header?.split(",").map((preference) => preference.split(";", 1)[0] ?? "") ?? [];
  // §2: of a preference that is given twice the first one counts.
  const wait = preferences.map((preference) => /^\s*wait\s*=\s*(.*?)\s*$/i.exec(preference)?.[1]).find(isGiven);
  const seconds = /^"?(\d{1,9})"?$/.exec(wait ?? "")?.[1];
  return Math.min(Number(seconds ?? 0), WAIT_SECONDS_MAX);
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined;
}
