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

/** A query parameter, as it is or as it stands in a URL. */
export const queryName = z.string().regex(/^[^\s&=#\p{Cc}\p{Cs}]{1,1200}$/u, "must be one word without & = and #");

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

export const cookieName = z.string().regex(TOKEN, "must be a cookie's name");

/** RFC 9110 § 5.1, in lower case. */
const fieldName = z.string().regex(/^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/, "must be a header's name in lower case");

/** Lines of one connection (RFC 9110 § 7.6.1), how a message is framed, and what the edge says of itself and of viewers. */
const NOBODYS_FIELD = new RegExp(
  `^(?:${[
    "connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|http2-settings|sec-websocket-.*",
    "host|content-length|content-encoding|content-range|expect|date|age",
    "via|forwarded|x-forwarded-.*|x-real-ip|cdn-loop|x-request-id|x-cache|cache-status|alt-svc|x-edge-.*|x-accel-.*",
  ].join("|")})$`,
);
/** A part, a condition and a coding are between the edge's own hops: an answer is cut from the stored whole. */
const NOT_ASKED = /^(?:range|if-.*|accept-encoding)$/;

/** A response header that a customer may write. */
export const responseHeaderName = fieldName.refine(
  (name) => !NOBODYS_FIELD.test(name),
  "is not the customer's to write",
);

/** A request header that a customer may write, and that may tell cached answers apart. */
export const requestHeaderName = responseHeaderName.refine(
  (name) => !NOT_ASKED.test(name),
  "is the cache's own question",
);

/** No line break, nor any other control character or half a one. */
export const headerValue = z
  .string()
  .regex(/^(?! )[^\p{Cc}\p{Cs}]*(?<! )$/u, "must be one line without control characters")
  .refine((value) => Buffer.byteLength(value) <= 4000, "is longer than 4000 bytes");

/** `404`, or `4xx` for a class. Parts (206) and confirmations (304) have no life of their own. */
export const statusOrClass = z.string().regex(/^(?!206|304)[2-5](?:\d\d|xx)$/, "must be a status such as 404, or 4xx");

/** A path, or with a `*` at its end all that begins like it. */
export const redirectSource = pathPattern.regex(/^\/[^*]*\*?$/, "must begin with /, and a * may only end it");

/** A path on the same host, or a URL whose host no viewer can add to: `:splat` stands behind the host's slash. */
export const redirectTarget = z
  .string()
  .max(2000)
  .regex(
    /^(?:https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?\/|\/(?!\/))[A-Za-z0-9\-._~!$&'()*+,;=:@/?#[\]%]*$/,
    "must be a path or a URL of http or https",
  );

/** An origin of the web (RFC 6454) as browsers spell it, or `*`. */
export const webOrigin = z
  .string()
  .regex(
    /^(?:\*|https?:\/\/(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]+\])(?::\d{1,5})?)$/,
    "must be * or an origin such as https://app.example.com",
  );

/** A header's name in whichever case, or `*`. */
export const headerToken = z.string().regex(TOKEN, "must be the name of a header");

/** A method that no list need name: a token (RFC 9110 § 9.1). */
export const methodToken = z.string().regex(/^[A-Z]{1,20}$/, "must be a method in upper case");

/** ISO 3166-1 alpha-2. */
export const countryCode = z.string().regex(/^[A-Z]{2}$/, "must be two capital letters");

/** An address or a network of IPv4 or IPv6, as inet_pton(3) reads it. */
export const network = z
  .string()
  .regex(/^(?:[0-9.]+|[0-9a-f:.]+)(?:\/\d{1,3})?$/, "must be an address or a network such as 192.0.2.0/24")
  .refine((text) => isNetwork(text), "must be an address or a network such as 192.0.2.0/24");

const ADDRESSES = { ipv4: z.ipv4(), ipv6: z.ipv6() };

function isNetwork(text: string): boolean {
  const [address = "", bits] = text.split("/");
  const isV6 = address.includes(":");
  const schema = isV6 ? ADDRESSES.ipv6 : ADDRESSES.ipv4;
  return schema.safeParse(address).success && (bits === undefined || Number(bits) <= (isV6 ? 128 : 32));
}

/** What a viewer asks for; `*.` at the front stands for one label. */
export const hostName = z
  .string()
  .max(253)
  .regex(
    /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/,
    "must be a lower-case host name",
  );

/** A host, or `*.` and a host for those below it. */
export const hostPattern = z
  .string()
  .max(255)
  .regex(/^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/, "must be a host name such as example.com or *.example.com");

/** A text with `*` for any run of characters; its case does not count. */
export const agentPattern = z
  .string()
  .min(1)
  .max(500)
  .regex(/^[\x20-\x7e]*$/, "must be printable ASCII")
  .refine((pattern) => pattern.split("*").length <= 10, "may hold nine * at most");
