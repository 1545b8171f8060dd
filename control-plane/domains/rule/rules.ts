// Ordered lists of rules, and merge patches. No input or output.

interface Identified {
  readonly id: string;
}

/** `position` counts from 1 and lies between 1 and one more than there are. */
export function insertedAt<Item extends Identified>(
  items: readonly Item[],
  position: number,
  item: Item,
): readonly Item[] {
  return [...items.slice(0, position - 1), item, ...items.slice(position - 1)];
}

export function without<Item extends Identified>(items: readonly Item[], id: string): readonly Item[] {
  return items.filter((item) => item.id !== id);
}

/** The item takes the place of the one with its id, or goes to another one. */
export function replacedAt<Item extends Identified>(
  items: readonly Item[],
  position: number | undefined,
  item: Item,
): readonly Item[] {
  if (position !== undefined) return insertedAt(without(items, item.id), position, item);
  return items.map((current) => (current.id === item.id ? item : current));
}

/** RFC 7396: what is null goes, objects are merged, everything else is replaced. */
export function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) result.delete(name);
    else result.set(name, merged(result.get(name), value));
  }
  return Object.fromEntries(result);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
