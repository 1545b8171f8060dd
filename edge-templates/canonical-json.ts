// One value, one text: keys sorted, no blanks. Equal desired state therefore has an equal hash.
import { createHash } from "node:crypto";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

export function canonicalJson(value: Json): string {
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new TypeError(`not a whole number: ${value}`);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.keys(value)
    .sort()
    .flatMap((key) => {
      const member = value[key];
      return member === undefined ? [] : [`${JSON.stringify(key)}:${canonicalJson(member)}`];
    });
  return `{${members.join(",")}}`;
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}

export interface Compiled {
  readonly body: string;
  /** Hex SHA-256 of the body's UTF-8 bytes. */
  readonly hash: string;
}

export function compiled(body: string): Compiled {
  return { body, hash: createHash("sha256").update(body).digest("hex") };
}
