// A deployment as a customer reads it.
import { z } from "zod";

const refused = z.object({
  revision: z.int(),
  stage: z.string().meta({ description: "Where the edge stopped: verify, persist, push, probe …" }),
  message: z.string(),
});

export const deploymentReply = z
  .object({
    distribution_id: z.uuid(),
    state: z
      .enum(["pending", "deploying", "active", "failed", "removed"])
      .meta({ description: "`pending`: nothing was compiled yet, or there is no edge group." }),
    reason: z.string().nullable().meta({ description: "Why it failed." }),
    revision: z.int().meta({ description: "The revision wanted; several groups number their own." }),
    version: z.int().meta({ description: "The version of the distribution that the edges are to have." }),
    groups: z.array(
      z.object({
        group_id: z.uuid(),
        group: z.string(),
        revision: z.int().meta({ description: "The revision wanted on every edge of the group." }),
        state: z.enum(["deploying", "active", "refused", "removing", "removed"]),
        reason: z.string().nullable(),
        since: z.iso.datetime(),
      }),
    ),
    edges: z.array(
      z.object({
        edge_id: z.uuid(),
        edge: z.string(),
        group_id: z.uuid(),
        revision: z.int().meta({ description: "The revision wanted on this edge." }),
        state: z.enum(["applied", "waiting", "refused", "unseen"]),
        applied: z.int().meta({ description: "Every revision up to this one is applied or refused." }),
        refused: refused.nullable(),
        since: z.iso.datetime().meta({ description: "Since when the group's deployment is in its state." }),
        last_seen_at: z.iso.datetime().nullable(),
      }),
    ),
  })
  .meta({ id: "Deployment" });
export type DeploymentReply = z.input<typeof deploymentReply>;
