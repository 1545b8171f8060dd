// What the texts of customers may hold on their way into a document: what nginx and HTTP can carry, and nothing that could
// be read as something else. The API checks by the same words, so that no compile has to refuse.
import { z } from "zod";

/** A list whose items hold no blank, as one text with blanks between them: less to keep and to decode. None: absent. */
export const words = (item: z.ZodString, count: number) =>
  z
    .array(item)
    .readonly()
    .refine((items) => items.length <= count, `more than ${count}`)
    .transform((items) => (items.length === 0 ? undefined : items.join(" ")));

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

/** A query parameter as programs know it: decoded. */
export const queryName = z.string().regex(/^[^\s&=#\p{Cc}]{1,100}$/u, "must be one word without & = and #");

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;

export const cookieName = z.string().regex(TOKEN, "must be a cookie's name");

/** RFC 9110 § 5.1, in lower case. */
const fieldName = z
  .string()
  .regex(/^[!#$%&'*+.^`|~0-9a-z-]{1,100}$/, "must be a header's name in lower case, without _");

/** Lines of one connection (RFC 9110 § 7.6.1), of the edge itself, and those that say how long and whose a message is. */
const NOBODYS_FIELD =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-length|expect|x-edge-.*|x-accel-.*)$/;

/** A request header that may tell cached answers apart. A part or a condition is answered from the stored whole. */
export const keyHeaderName = fieldName.refine(
  (name) => !NOBODYS_FIELD.test(name) && !/^(?:range|if-.*)$/.test(name),
  "cannot tell answers apart",
);

/** `404`, or `4xx` for a class. Parts (206) and confirmations (304) have no life of their own. */
export const statusOrClass = z.string().regex(/^(?!206|304)[2-5](?:\d\d|xx)$/, "must be a status such as 404, or 4xx");
