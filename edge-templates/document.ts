// A distribution as a document: the data that programs an edge for it. Its parts belong to the features.
import { z } from "zod";
import { type Compiled, canonicalJson, compiled } from "./canonical-json.ts";
import type { DesiredDistribution } from "./desired.ts";
import { accessSchema } from "./features/access/schema.ts";
import { accessPart } from "./features/access/view.ts";
import { cacheSchema } from "./features/cache/schema.ts";
import { cachePart } from "./features/cache/view.ts";
import { compressionSchema } from "./features/compression/schema.ts";
import { corsSchema } from "./features/cors/schema.ts";
import { corsPart } from "./features/cors/view.ts";
import { headersSchema } from "./features/headers/schema.ts";
import { headersPart } from "./features/headers/view.ts";
import { hstsSchema } from "./features/hsts/schema.ts";
import { hstsPart } from "./features/hsts/view.ts";
import { limitsSchema } from "./features/limits/schema.ts";
import { limitsPart } from "./features/limits/view.ts";
import { originSchema } from "./features/origin/schema.ts";
import { originPart } from "./features/origin/view.ts";
import { redirectsSchema } from "./features/redirects/schema.ts";
import { redirectsPart } from "./features/redirects/view.ts";
import { CompileRefusal, refusalOf } from "./refusal.ts";
import { hostName } from "./texts.ts";

const DOCUMENT_FORMAT = 2;
/** A shared dict of nginx keeps values of any size, but not without breaking up its memory. */
const DOCUMENT_BYTES_MAX = 32 * 1024;
const HOSTS_MAX = 100;

const documentSchema = z.strictObject({
  format: z.literal(DOCUMENT_FORMAT),
  id: z.uuid(),
  account: z.uuid(),
  hosts: z.array(hostName).min(1, "a distribution needs a host").max(HOSTS_MAX),
  https: z.boolean(),
  http2: z.boolean(),
  http3: z.boolean(),
  redirect_to_https: z.boolean(),
  origin: originSchema,
  access: accessSchema.optional(),
  cache: cacheSchema,
  compression: compressionSchema,
  cors: corsSchema.optional(),
  /** A switch that is on; absent: off. */
  disabled: z.literal(true).optional(),
  livestream: z.literal(true).optional(),
  over_quota: z.literal(true).optional(),
  headers: headersSchema.optional(),
  hsts: hstsSchema.optional(),
  limits: limitsSchema.optional(),
  redirects: redirectsSchema.optional(),
});

export function compileDocument(distribution: DesiredDistribution): Compiled {
  const parsed = documentSchema.safeParse({
    format: DOCUMENT_FORMAT,
    id: distribution.id,
    account: distribution.accountId,
    hosts: [...new Set(distribution.hosts)].sort(),
    https: distribution.https,
    http2: distribution.http2,
    http3: distribution.http3,
    redirect_to_https: distribution.redirectHttpToHttps,
    origin: originPart(distribution),
    access: accessPart(distribution),
    cache: cachePart(distribution),
    compression: distribution.compression,
    cors: corsPart(distribution),
    disabled: distribution.isDisabled || undefined,
    livestream: distribution.isLivestream || undefined,
    over_quota: distribution.isOverQuota || undefined,
    headers: headersPart(distribution),
    hsts: hstsPart(distribution),
    limits: limitsPart(distribution),
    redirects: redirectsPart(distribution),
  });
  if (!parsed.success) throw refusalOf(parsed.error);
  const body = canonicalJson(parsed.data);
  const bytes = Buffer.byteLength(body);
  if (bytes > DOCUMENT_BYTES_MAX) {
    throw new CompileRefusal("", `compiles to ${bytes} bytes, more than the ${DOCUMENT_BYTES_MAX} that an edge takes`);
  }
  return compiled(body);
}
