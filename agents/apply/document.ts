// What the agent reads of a document: its hosts, to probe them, and its origins, to resolve them. The rest is nginx's.
import { z } from "zod";

const documentSchema = z.object({
  hosts: z.array(z.string()).max(1000),
  origin: z.object({
    servers: z.array(z.object({ host: z.string(), port: z.int().min(1).max(65535) })).max(1000),
  }),
});

export interface Origin {
  readonly host: string;
  readonly port: number;
}

/** Addresses by `host:port`, as nginx's control socket takes them; empty = none that may be dialled. */
export type Pins = Readonly<Record<string, readonly string[]>>;

export interface DocumentView {
  readonly hosts: readonly string[];
  readonly origins: readonly Origin[];
}

/** A body that is no document has neither; nginx refuses it and says why. */
export function viewDocument(body: string): DocumentView {
  const parsed = documentSchema.safeParse(parseJson(body));
  if (!parsed.success) return { hosts: [], origins: [] };
  return { hosts: parsed.data.hosts, origins: parsed.data.origin.servers };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
