// `Prefer: wait` on whatever changes a distribution: the answer comes when the edges have it, or the time is over.
import type { Reply, RequestFacts } from "../../http/define-route.ts";

/** Resolves when the edges have the distribution as it is now. */
export type UntilDeployed = (
  distributionId: string,
  limits: { readonly waitSeconds: number; readonly signal: AbortSignal },
) => Promise<void>;

/** Answers at once or, for whoever prefers to wait, `reread` afterwards: what was changed, as it is by then. */
export function onceDeployed<Body>(
  untilDeployed: UntilDeployed,
  distributionId: string,
  facts: Pick<RequestFacts, "waitSeconds" | "signal">,
  reply: Reply<Body>,
  reread: () => Promise<Reply<Body>> = async () => reply,
): Reply<Body> {
  if (facts.waitSeconds === 0) return reply;
  return {
    ...reply,
    async afterCommit() {
      await untilDeployed(distributionId, facts);
      return reread();
    },
  };
}
