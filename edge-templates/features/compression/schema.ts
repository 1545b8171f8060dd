// The `compression` part of a document: which codings the edge may choose. openresty/lua/compression.lua reads it.
import { z } from "zod";

export const compressionSchema = z.strictObject({ gzip: z.boolean(), brotli: z.boolean() });
