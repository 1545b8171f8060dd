// Edge groups and nodes as operators read them.
import { z } from "zod";
import { capabilitiesSchema, refusalSchema } from "../../../agents/contract.ts";
import { edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";

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
  .meta({ id: "EdgeGroup" });
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
  .meta({ id: "Edge" });
export type EdgeReply = z.input<typeof edgeReply>;

export const enrolmentTokenReply = z
  .object({
    token: z.string().meta({ description: "Shown once. Enrols one node." }),
    group_id: z.uuid(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: "EnrolmentToken" });
