// Reads that nothing is kept of, in the shape that a cache would give them. Tests only: those who want the caches open one.
import { z } from "zod";
import type { Cache } from "./cache.ts";

export const directReads: Pick<Cache, "space"> = {
  space: (_prefix, { load, schema }) => {
    z.toJSONSchema(schema, { io: "input" });
    return {
      async read(id, query) {
        const loaded = await load(id, query);
        return loaded === undefined ? undefined : z.decode(schema, z.encode(schema, loaded));
      },
    };
  },
};
