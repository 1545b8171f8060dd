// A body that is checked, written and tagged already: what caches keep for routes that are asked often.
import { z } from "zod";
import type { PreparedJson } from "./define-route.ts";
import { etagOfText } from "./etag.ts";

/** As caches store it. */
export const preparedJsonSchema = z.object({ json: z.string(), etag: z.string() });

/** `schema` is the one that the route declares: what is prepared is not checked again. */
export function prepareJson<Schema extends z.ZodType>(schema: Schema, body: z.input<Schema>): PreparedJson {
  const checked = schema.safeParse(body);
  if (!checked.success) throw new Error(`what is prepared is not what is declared:\n${z.prettifyError(checked.error)}`);
  const json = JSON.stringify(body);
  return { json, etag: etagOfText(json) };
}
