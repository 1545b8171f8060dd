// The `redirects` part of a document: paths that lead elsewhere. openresty/lua/redirects.lua reads it.
import { z } from "zod";
import { redirectSource, redirectTarget } from "../../texts.ts";

const REDIRECTS_MAX = 200;

const redirectSchema = z
  .strictObject({
    source: redirectSource,
    target: redirectTarget,
    status: z.union([301, 302, 303, 307, 308].map((status) => z.literal(status))),
    keep_query: z.literal(true).optional(),
  })
  .refine(({ source, target }) => source.endsWith("*") || !target.includes(":splat"), {
    path: ["target"],
    message: "may hold :splat only when the source ends with *",
  });

export const redirectsSchema = z.array(redirectSchema).max(REDIRECTS_MAX);
export type RedirectsInput = z.input<typeof redirectsSchema>;
