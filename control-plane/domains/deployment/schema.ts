// A deployment as a customer reads it, and the report of an agent, with an example of each.
import { z } from "zod";
import { reportReplySchema, reportRequestSchema } from "../../../agents/contract.ts";

const groupId = "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d";
const time = "2026-05-01T12:00:00.000Z";

export const reportBody = reportRequestSchema.meta({
  examples: [
    {
      feed_id: "b7e3c9d1-5a2f-4e86-9c04-7d1b6f8a3e52",
      boot_id: "0c9d8e7f-6a5b-4c3d-8e1f-2a3b4c5d6e7f",
      seq: 17,
      applied: 1042,
      refused: [],
      state_hash: "9f2c".repeat(16),
      structure: 7,
      documents: 311,
      capabilities: { nginx: "1.27.1", http3: true, http2_directive: true, balancer_keepalive: true, brotli: false },
    },
  ],
});
export const reportReply = reportReplySchema.meta({ examples: [{ resync: false }] });

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
        state: z
          .enum(["deploying", "active", "refused", "removing", "removed"])
          .meta({ description: "`removing`: some edge still serves what is to go." }),
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
        state: z
          .enum(["applied", "waiting", "refused", "unseen"])
          .meta({ description: "`unseen`: no report for a minute; it holds nobody up." }),
        applied: z.int().meta({ description: "Every revision up to this one is applied or refused." }),
        refused: refused.nullable(),
        since: z.iso.datetime().meta({ description: "Since when the group's deployment is in its state." }),
        last_seen_at: z.iso.datetime().nullable(),
      }),
    ),
  })
  .meta({
    id: "Deployment",
    examples: [
      {
        distribution_id: "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
        state: "active",
        reason: null,
        revision: 1042,
        version: 4,
        groups: [{ group_id: groupId, group: "frankfurt", revision: 1042, state: "active", reason: null, since: time }],
        edges: [
          {
            edge_id: "6f1d8a52-7c39-4b0e-9a64-2f5e83c1d7b0",
            edge: "fra-1",
            group_id: groupId,
            revision: 1042,
            state: "applied",
            applied: 1042,
            refused: null,
            since: time,
            last_seen_at: time,
          },
        ],
      },
    ],
  });
export type DeploymentReply = z.input<typeof deploymentReply>;
