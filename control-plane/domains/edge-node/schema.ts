// Edge nodes as operators read and change them, and enrolment as agents ask for it, with an example of each.
import { z } from "zod";
import {
  capabilitiesSchema,
  enrolReplySchema,
  enrolRequestSchema,
  nodeStates,
  refusalSchema,
  renewReplySchema,
  renewRequestSchema,
} from "../../../agents/contract.ts";
import { givenId } from "../../http/given-id.ts";
import { lineOfText } from "../../http/plain-text.ts";

const edgeId = "6f1d8a52-7c39-4b0e-9a64-2f5e83c1d7b0";
const groupId = "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d";
const feedId = "b7e3c9d1-5a2f-4e86-9c04-7d1b6f8a3e52";
const time = "2026-05-01T12:00:00.000Z";
const capabilities = { nginx: "1.27.1", http3: true, http2_directive: true, balancer_keepalive: true, brotli: false };
const csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIE…\n-----END CERTIFICATE REQUEST-----\n";
const certificate = "-----BEGIN CERTIFICATE-----\nMIID…\n-----END CERTIFICATE-----\n";
const feedKey = "-----BEGIN PUBLIC KEY-----\nMCow…\n-----END PUBLIC KEY-----\n";

export const enrolBody = enrolRequestSchema.meta({
  examples: [{ token: "3vQ0Zr7k5XbN2mTq8LsY1wC4dE6fG9hJ0kM2nP5rS7t.4f1c09", name: "fra-1", csr, capabilities }],
});
export const enrolReply = enrolReplySchema.meta({
  examples: [
    {
      edge_id: edgeId,
      scope: groupId,
      certificate,
      ca_certificate: certificate,
      feed_keys: { f0a1b2c3d4e5f607: feedKey },
    },
  ],
});
export const renewBody = renewRequestSchema.meta({ examples: [{ csr }] });
export const renewReply = renewReplySchema.meta({ examples: [{ certificate }] });

const address = z
  .union([z.ipv4(), z.ipv6()], { error: "must be an IPv4 or IPv6 address, or null." })
  .nullable()
  .meta({ description: "Where the edges of child groups reach it. Null: they do not." });
const state = z.enum(nodeStates).meta({
  description:
    "`draining`: it serves, and tells by its health that nobody should come any more. `maintenance`: its nginx ends after the " +
    "last answer.",
});

/** RFC 7396: what is absent stays. */
export const patchEdgeInput = z
  .strictObject({ name: lineOfText(100), address, state })
  .partial()
  .meta({ id: "EdgePatch", examples: [{ state: "draining" }] });
export type PatchEdgeInput = z.output<typeof patchEdgeInput>;

export const edgeParams = z.object({ id: givenId });

export const edgeReply = z
  .object({
    id: z.uuid(),
    name: z.string(),
    group_id: z.uuid(),
    address,
    state,
    capabilities: capabilitiesSchema,
    last_seen_at: z.iso.datetime().nullable(),
    is_live: z.boolean().meta({ description: "It was heard of within a minute; else it holds no deployment up." }),
    running: z
      .object({
        feed_id: z.uuid(),
        applied: z.int().meta({ description: "Every revision up to this one is applied or refused." }),
        structure: z.int().meta({ description: "The revision of the nginx files it serves with." }),
        documents: z.int(),
        state_hash: z.string(),
        refused: z.array(refusalSchema),
        logs: z
          .object({
            behind_since: z.iso
              .datetime()
              .nullable()
              .meta({ description: "When the oldest log line was written that has not arrived; null: nothing waits." }),
            unsent_bytes: z.int(),
            lost_lines: z
              .int()
              .meta({ description: "Given up because they waited for longer than the edge's disk could hold them." }),
          })
          .nullable()
          .meta({ description: "How far its access log is sent; null: its agent does not tell." }),
      })
      .nullable()
      .meta({ description: "The last report; null until the first one." }),
    created_at: z.iso.datetime(),
  })
  .meta({
    id: "Edge",
    examples: [
      {
        id: edgeId,
        name: "fra-1",
        group_id: groupId,
        address: "203.0.113.5",
        state: "active",
        capabilities,
        last_seen_at: time,
        is_live: true,
        running: {
          feed_id: feedId,
          applied: 1042,
          structure: 7,
          documents: 311,
          state_hash: "9f2c".repeat(16),
          refused: [],
          logs: { behind_since: null, unsent_bytes: 0, lost_lines: 0 },
        },
        created_at: time,
      },
    ],
  });
export type EdgeReply = z.input<typeof edgeReply>;

export const enrolmentTokenReply = z
  .object({
    token: z.string().meta({ description: "Shown once. Enrols one node." }),
    group_id: z.uuid(),
    expires_at: z.iso.datetime(),
  })
  .meta({
    id: "EnrolmentToken",
    examples: [
      {
        token: "3vQ0Zr7k5XbN2mTq8LsY1wC4dE6fG9hJ0kM2nP5rS7t.4f1c09",
        group_id: groupId,
        expires_at: "2026-05-01T12:15:00.000Z",
      },
    ],
  });
