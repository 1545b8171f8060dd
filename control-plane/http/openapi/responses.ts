// The problems, and other answers without a body of their own, that many operations have in common: each is written once,
// under a name, and referred to.
type JsonObject = Record<string, unknown>;
type Operations = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface SharedResponses {
  /** The same operations, with references where an answer is shared. */
  readonly paths: Operations;
  /** What they refer to. */
  readonly responses: Readonly<Record<string, unknown>>;
}

/** `nameOf`: says what an answer is about; two that have a name in common are told apart by a number. */
export function shareResponses(
  paths: Operations,
  nameOf: (status: string, response: unknown) => string,
): SharedResponses {
  const uses = new Map<string, number>();
  for (const { key } of responsesOf(paths)) uses.set(key, (uses.get(key) ?? 0) + 1);
  const names = new Map<string, string>();
  const responses: Record<string, unknown> = {};
  for (const { key, status, response } of responsesOf(paths)) {
    if (status.startsWith("2") || uses.get(key) === 1 || names.has(key)) continue;
    const name = freeName(nameOf(status, response), responses);
    names.set(key, name);
    responses[name] = response;
  }
  const refer = (status: string, response: unknown) => {
    const name = names.get(keyOf(status, response));
    return name === undefined ? response : { $ref: `#/components/responses/${name}` };
  };
  return { paths: mapResponses(paths, refer), responses: inOrder(responses) };
}

function keyOf(status: string, response: unknown): string {
  return `${status} ${JSON.stringify(response)}`;
}

function* responsesOf(paths: Operations) {
  for (const operations of Object.values(paths)) {
    for (const operation of Object.values(operations)) {
      for (const [status, response] of Object.entries(responsesIn(operation))) {
        yield { key: keyOf(status, response), status, response };
      }
    }
  }
}

function mapResponses(paths: Operations, change: (status: string, response: unknown) => unknown): Operations {
  return mapValues(paths, (_, operations) =>
    mapValues(operations, (__, operation) => ({
      ...(isObject(operation) ? operation : {}),
      responses: mapValues(responsesIn(operation), change),
    })),
  );
}

function responsesIn(operation: unknown): JsonObject {
  return isObject(operation) && isObject(operation.responses) ? operation.responses : {};
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null;
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  change: (name: string, value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(name, value)]));
}

function freeName(wanted: string, taken: Readonly<Record<string, unknown>>): string {
  let name = wanted;
  for (let count = 2; name in taken; count += 1) name = `${wanted}.${count}`;
  return name;
}

function inOrder(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
