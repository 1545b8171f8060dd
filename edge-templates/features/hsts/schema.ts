// The `hsts` part of a document: the header that browsers read, as it is sent. openresty/lua/hsts.lua sends it.
import { z } from "zod";

export const hstsSchema = z.string().regex(/^max-age=\d{1,10}(; includeSubDomains)?(; preload)?$/);
