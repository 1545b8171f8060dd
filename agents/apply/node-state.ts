// Whether this edge takes viewers, as the control plane wants it, and what nginx was told of that.
import { join } from "node:path";
import { type FeedRecord, type NodeBody, nodeBodySchema, type Refusal } from "../contract.ts";
import { writeDurably } from "../durable-file.ts";
import { parseJson } from "./document.ts";

type Wanted = NodeBody["state"];
/** What nginx is told; in maintenance it is draining until it has gone. */
type Told = "active" | "draining";
export type NodeRecord = Pick<FeedRecord, "kind" | "id" | "rev" | "op" | "body">;

export interface NodeState {
  /** Takes a record of kind `node` that is of this edge; others are none of its business. Returns why it cannot be. */
  note(record: NodeRecord): Refusal | undefined;
  /** Everything is told anew: without a word of this edge it takes viewers. */
  forget(): void;
  wanted(): Wanted;
  /** What nginx was told last; undefined before the first time. */
  told(): Told | undefined;
  /** On disk before nginx hears of it, so that one that starts in between knows. */
  tell(state: Told): Promise<void>;
  /** For how long nginx has been draining; undefined while it is not. */
  drainsForMs(): number | undefined;
}

export function createNodeState(settings: {
  readonly home: string;
  readonly edgeId: () => string;
  /** Hands it to nginx, if that runs. */
  readonly send: (state: Told) => Promise<void>;
}): NodeState {
  let wanted: Wanted = "active";
  let told: Told | undefined;
  let drainingSince: number | undefined;

  function note(record: NodeRecord): Refusal | undefined {
    if (record.kind !== "node" || record.id !== settings.edgeId()) return undefined;
    if (record.op === "del") {
      wanted = "active";
      return undefined;
    }
    const parsed = nodeBodySchema.safeParse(parseJson(record.body));
    if (!parsed.success) return refusalOf(record);
    wanted = parsed.data.state;
    return undefined;
  }

  return {
    note,
    forget: () => {
      wanted = "active";
    },
    wanted: () => wanted,
    told: () => told,
    tell: async (state) => {
      await writeDurably(join(settings.home, "state", "node"), `${state}\n`, 0o644);
      await settings.send(state);
      told = state;
      drainingSince = state === "active" ? undefined : (drainingSince ?? performance.now());
    },
    drainsForMs: () => (drainingSince === undefined ? undefined : performance.now() - drainingSince),
  };
}

function refusalOf({ id, rev }: NodeRecord): Refusal {
  return { kind: "node", id, rev, stage: "verify", message: "not a state of a node that this agent understands" };
}
