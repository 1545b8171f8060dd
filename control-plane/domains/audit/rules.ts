// Before → after, field by field, without what nobody may read. No input or output.

/** Absent before: it was added. Absent after: it was removed. */
export interface Difference {
  /** RFC 6901; the members of a list are named by their ids where they have one, and its order by `-`. */
  readonly pointer: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

type Fields = Readonly<Record<string, unknown>>;
type Members = ReadonlyMap<string, Fields>;

/** Stands for a list's order, as RFC 6901 names what no member of it can be. */
const ORDER = "-";

/** Everything in which the two differ; applied to `before` in this order they give `after`. */
export function differences(before: unknown, after: unknown, pointer = ""): readonly Difference[] {
  if (isFields(before) && isFields(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => differences(ownField(before, name), ownField(after, name), stepInto(pointer, name)));
  }
  const [old, now] = [membersOf(before), membersOf(after)];
  if (old !== undefined && now !== undefined) return memberDifferences(old, now, pointer);
  if (canonical(before) === canonical(after)) return [];
  return [{ pointer, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

/** The order is told only where it does not follow by itself: what stays keeps its place, what is new comes last. */
function memberDifferences(before: Members, after: Members, pointer: string): readonly Difference[] {
  const ids = [...new Set([...before.keys(), ...after.keys()])];
  const changes = ids.flatMap((id) => differences(before.get(id), after.get(id), stepInto(pointer, id)));
  const following = ids.filter((id) => after.has(id));
  const wanted = [...after.keys()];
  if (wanted.every((id, index) => id === following[index])) return changes;
  return [...changes, { pointer: stepInto(pointer, ORDER), before: [...before.keys()], after: wanted }];
}

function stepInto(pointer: string, name: string): string {
  return `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** A field may have the name of something that every object inherits. */
function ownField(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** A list whose members all have ids of their own, by these ids. */
function membersOf(value: unknown): Members | undefined {
  if (!Array.isArray(value)) return undefined;
  const members = new Map<string, Fields>();
  for (const item of value) {
    if (!isFields(item) || typeof item.id !== "string" || item.id === ORDER) return undefined;
    members.set(item.id, item);
  }
  return members.size === value.length ? members : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** JSON in which the order of an object's fields leaves no trace. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_name, inner) =>
    isFields(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

const SECRET_NAME =
  /password|passphrase|secret|private_?key|recovery_?code|(^|_)token$|token_?hash|authorization|credential/i;
/** What may be said of a secret: `(set)`, `(changed)`, that it is absent, that there is one, when and which. */
const SAID_OF_SECRET = /^\([a-z ]+\)$/;
const NOT_THE_SECRET = /_(id|at|bytes|version)$/;

/** The last net below the callers, who should leave secrets out themselves: a value under a secret's name is not kept. */
export function withoutSecrets(changes: readonly Difference[]): readonly Difference[] {
  return changes.map((change) => {
    const isSecret = change.pointer.split("/").some(namesSecret);
    const kept: Difference = { pointer: change.pointer };
    return {
      ...kept,
      ...("before" in change ? { before: veiled(change.before, isSecret) } : {}),
      ...("after" in change ? { after: veiled(change.after, isSecret) } : {}),
    };
  });
}

function veiled(value: unknown, isSecret: boolean): unknown {
  if (isFields(value)) {
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([name, inner]) => [name, veiled(inner, isSecret || namesSecret(name))]));
  }
  if (Array.isArray(value)) return value.map((inner) => veiled(inner, isSecret));
  if (!isSecret || value === null || value === undefined || typeof value === "boolean") return value;
  return typeof value === "string" && SAID_OF_SECRET.test(value) ? value : "(set)";
}

function namesSecret(name: string): boolean {
  return SECRET_NAME.test(name) && !NOT_THE_SECRET.test(name);
}
