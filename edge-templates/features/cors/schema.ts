// The `cors` part of a document: what the edge tells browsers of other sites. openresty/lua/cors.lua reads it.
import { z } from "zod";
import { headerToken, methodToken, webOrigin, words } from "../../texts.ts";

/** A faulty list is not yet the text that it becomes. */
const when = ({ issues }: { readonly issues: readonly unknown[] }) => issues.length === 0;

export const corsSchema = z
  .strictObject({
    /** `*` alone, or the origins with blanks between them. */
    origins: words(webOrigin, 100).pipe(z.string("needs an origin")),
    methods: words(methodToken, 20),
    headers: words(headerToken, 100),
    expose: words(headerToken, 100),
    max_age: z.int().min(0).max(86_400),
    credentials: z.literal(true).optional(),
  })
  .refine(({ origins }) => origins === "*" || !origins.split(" ").includes("*"), {
    path: ["origins"],
    message: "* stands alone",
    when,
  })
  .refine(({ origins, credentials }) => !credentials || origins !== "*", {
    path: ["credentials"],
    message: "are for origins that are named, never for *",
    when,
  });
export type CorsInput = z.input<typeof corsSchema>;
