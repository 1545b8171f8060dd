// An id that a request names. RFC 9562 §4: read in any case, written in lower case. Made so at the border, since inside ids
// are compared, logged and looked for in caches as they are kept.
import { z } from "zod";

export const givenId = z.uuid().toLowerCase();
