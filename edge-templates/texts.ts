// What the texts of customers may hold on their way into a document: what nginx and HTTP can carry, and nothing that could
// be read as something else. The API checks by the same words, so that no compile has to refuse.
import { z } from "zod";

/** A canonical path (openresty/lua/url.lua) with `*` for any run of characters. */
export const pathPattern = z
  .string()
  .max(1000)
  .regex(
    /^[/*](?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-F]{2})*$/,
    "must begin with / or *, without blanks, ? or #; other characters as %XX in upper case",
  )
  .refine((pattern) => !/%(?:2F|5C|00)|(?:^|\/)\.{1,2}(?:\/|$)/.test(pattern), "is a path that no edge serves")
  .refine((pattern) => pattern.split("*").length <= 10, "may hold nine * at most");

/** Lower case, without the dot. */
export const fileExtension = z.string().regex(/^[a-z0-9]{1,16}$/, "must be lower-case letters and digits");

/** The beginning of a Content-Type. */
export const contentTypeStart = z
  .string()
  .regex(/^[a-z0-9.+/-]{1,100}$/, "must be the lower-case beginning of a content type");
