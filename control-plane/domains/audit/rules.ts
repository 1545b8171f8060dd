// Before → after, field by field. No input or output.

/** Absent before: it was added. Absent after: it was removed. */
export interface Difference {
  /** RFC 6901; the members of a list are named by their ids where they have one. */
  readonly pointer: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** Every field in which the two differ, in the order of their names. */
export function differences(before: unknown, after: unknown, pointer = ""): readonly Difference[] {
  const old = fieldsOf(before);
  const now = fieldsOf(after);
  if (old === undefined || now === undefined) {
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [{ pointer, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
  }
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return names.flatMap((name) =>
    differences(old[name], now[name], `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`),
  );
}

/** An object's own fields; a list of things with ids as those things by their ids. */
function fieldsOf(value: unknown): Fields | undefined {
  if (Array.isArray(value)) {
    const entries = value.map((item, index) => [idOf(item), { ...item, position: index + 1 }] as const);
    return entries.every(([id]) => id !== undefined) ? Object.fromEntries(entries) : undefined;
  }
  return isFields(value) ? value : undefined;
}

function idOf(item: unknown): string | undefined {
  return isFields(item) && typeof item.id === "string" ? item.id : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
