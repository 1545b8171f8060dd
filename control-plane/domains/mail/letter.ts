// What the product writes to people: said once, printed as plain text and as HTML.
import { readFileSync } from "node:fs";
import Handlebars from "handlebars";
import { z } from "zod";

/** `to` is one address that was checked where it came in. */
export const letterSchema = z.strictObject({
  to: z.string(),
  subject: z.string(),
  paragraphs: z.array(z.string()),
  /** What the reader can do about it. */
  action: z.strictObject({ label: z.string(), url: z.url() }).optional(),
  /** Below the action: what to know or to do otherwise. */
  closing: z.string(),
});
export type Letter = z.output<typeof letterSchema>;

const source = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
const strictly = { strict: true, knownHelpersOnly: true, knownHelpers: {} } as const;
const html = Handlebars.compile(source("letter.html.hbs"), strictly);
// Plain text has nothing to escape.
const text = Handlebars.compile(source("letter.txt.hbs"), { ...strictly, noEscape: true });

export function printLetter({ subject, paragraphs, action = undefined, closing }: Letter): {
  text: string;
  html: string;
} {
  const words = { subject, paragraphs, action, closing };
  return { text: text(words), html: html(words) };
}
