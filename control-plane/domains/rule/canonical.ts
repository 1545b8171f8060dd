// Texts that have one canonical spelling: a request's is brought into it, or its fault is told in words.
import { z } from "zod";

export interface Fault {
  readonly fault: string;
}

export function fault(detail: string): Fault {
  return { fault: detail };
}

/** Spells the text canonically, or makes the fault one of the request. */
export function canonical(schema: z.ZodString, spell: (text: string) => string | Fault) {
  return schema.transform((text, context) => {
    const spelt = spell(text);
    if (typeof spelt === "string") return spelt;
    context.addIssue({ code: "custom", message: spelt.fault });
    return z.NEVER;
  });
}

/** A list in the customer's order; what is said twice counts once. */
export function listOf(item: z.ZodType<string>, { countMin = 0, countMax }: { countMin?: number; countMax: number }) {
  return z
    .array(item)
    .min(countMin, { error: `must name at least ${countMin}.` })
    .max(countMax, { error: `must name ${countMax} at most.` })
    .transform((items) => [...new Set(items)]);
}

const CONTROL = /[\p{Cc}\p{Cs}]/u;

/** Control characters, and halves of characters that no encoding can carry. */
export function holdsControl(text: string): boolean {
  return CONTROL.test(text);
}
