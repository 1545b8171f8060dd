// Edge groups and nodes as operators read them, and enrolment as agents ask for it, with an example of each.
import { z } from "zod";
import {
  capabilitiesSchema,
  enrolReplySchema,
  enrolRequestSchema,
  refusalSchema,
  renewReplySchema,
  renewRequestSchema,
} from "../../../agents/contract.ts";
import { edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";

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

export const edgeGroupReply = z
  .object({
    id: z.uuid(),
    name: z.string(),
    settings: edgeGroupSettingsSchema,
    capabilities: capabilitiesSchema
      .nullable()
      .meta({ description: "What every node of the group can do; null until the first one has enrolled." }),
    version: z.int().meta({ description: "Rises with every change of settings or capabilities." }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({
    id: "EdgeGroup",
    examples: [
      {
        id: groupId,
        name: "frankfurt",
        settings: edgeGroupSettingsSchema.parse({}),
        capabilities,
        version: 3,
        created_at: time,
        updated_at: time,
      },
    ],
  });
export type EdgeGroupReply = z.input<typeof edgeGroupReply>;

export const edgeReply = z
  .object({
    id: z.uuid(),
    name: z.string(),
    group_id: z.uuid(),
    capabilities: capabilitiesSchema,
    last_seen_at: z.iso.datetime().nullable(),
    running: z
      .object({
        feed_id: z.uuid(),
        applied: z.int().meta({ description: "Every revision up to this one is applied or refused." }),
        structure: z.int().meta({ description: "The revision of the nginx files it serves with." }),
        documents: z.int(),
        state_hash: z.string(),
        refused: z.array(refusalSchema),
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
        capabilities,
        last_seen_at: time,
        running: {
          feed_id: feedId,
          applied: 1042,
          structure: 7,
          documents: 311,
          state_hash: "9f2c".repeat(16),
          refused: [],
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
