// How much one purge or prefetch may name, and how much of it the audit log keeps. No input or output.
import { PURGE_BODY_BYTES_MAX } from "../../../agents/contract.ts";
import type { FieldFault } from "../../../platform/problem.ts";
import { invalidRequest } from "../../http/problems.ts";

/** The log is no archive. */
const AUDITED_ITEMS_MAX = 50;
const AUDITED_BYTES_MAX = 8 * 1024;

/** Before anything is spelt: that costs more than counting. */
export function assertNotTooMuch(field: string, texts: readonly string[]): void {
  const bytes = texts.reduce((total, text) => total + Buffer.byteLength(text), 0);
  if (bytes > PURGE_BODY_BYTES_MAX) throw invalidRequest([tooMuch(field)]);
}

export function tooMuch(field: string): FieldFault {
  const detail = `must have at most ${PURGE_BODY_BYTES_MAX / 1024} KB together: send them in several requests.`;
  return { pointer: `/${field}`, detail };
}

/** The first of them. */
export function auditedItems(items: readonly string[]): readonly string[] {
  let bytes = 0;
  return items.slice(0, AUDITED_ITEMS_MAX).filter((item) => {
    bytes += Buffer.byteLength(item);
    return bytes <= AUDITED_BYTES_MAX;
  });
}
