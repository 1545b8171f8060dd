// A prefetch as a customer writes it and reads it.
import { z } from "zod";
import { target } from "../purge/index.ts";

const URLS_MAX = 100;

export const createPrefetchInput = z
  .strictObject({
    urls: z
      .array(target)
      .min(1, { error: "must not be empty." })
      .max(URLS_MAX, { error: `must hold at most ${URLS_MAX}.` })
      .meta({
        description:
          "Whole URLs on hosts of the distribution, or from `/` on its first host: over HTTPS where it has a certificate. A " +
          "fragment is dropped.",
      }),
  })
  .meta({ id: "PrefetchInput", examples: [{ urls: ["https://www.example.com/film.mp4", "/index.html"] }] });
export type CreatePrefetchInput = z.output<typeof createPrefetchInput>;

export const prefetchReply = z
  .object({
    id: z.uuid(),
    distribution_id: z.uuid(),
    urls: z.array(z.string()).meta({ description: "What each edge asks for, as edges spell it." }),
    status: z.literal("pending").meta({
      description: "Each edge that is there fetches them once, in its own time; its log says what came of it.",
    }),
    created_by: z.uuid().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({
    id: "Prefetch",
    examples: [
      {
        id: "5b1e9d0c-3a7f-4c82-9e64-1f2d3c4b5a69",
        distribution_id: "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
        urls: ["https://www.example.com/film.mp4", "https://www.example.com/index.html"],
        status: "pending",
        created_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
        created_at: "2026-11-21T12:00:00.000Z",
      },
    ],
  });
export type PrefetchReply = z.input<typeof prefetchReply>;
