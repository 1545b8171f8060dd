// Edge groups as operators write and read them, and their versions, with an example of each.
import { z } from "zod";
import { capabilitiesSchema, refusalSchema } from "../../../agents/contract.ts";
import { edgeGroupSettingsPatch, edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import { numberSchema } from "../../database/numbered-pages.ts";
import { givenId } from "../../http/given-id.ts";
import { lineOfText } from "../../http/plain-text.ts";

const groupId = "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d";
const edgeId = "6f1d8a52-7c39-4b0e-9a64-2f5e83c1d7b0";
const time = "2026-05-01T12:00:00.000Z";

const name = lineOfText(100).meta({ description: "Customers see it where they choose groups." });
const isCanary = z
  .boolean()
  .meta({ description: "What a new compiler makes comes to this group first. One group at most." });

export const createEdgeGroupInput = z
  .strictObject({ name, settings: edgeGroupSettingsSchema.prefault({}), is_canary: isCanary.default(false) })
  .meta({
    id: "EdgeGroupInput",
    examples: [
      {
        name: "frankfurt",
        settings: { cache: { disks: [{ path: "/mnt/nvme0", max_gb: 900 }] }, logs: { one_in: 10 } },
      },
    ],
  });
export type CreateEdgeGroupInput = z.output<typeof createEdgeGroupInput>;

/** RFC 7396: what is absent stays, within the settings too. */
export const patchEdgeGroupInput = z
  .strictObject({ name, settings: edgeGroupSettingsPatch, is_canary: isCanary })
  .partial()
  .meta({ id: "EdgeGroupPatch", examples: [{ settings: { cache: { zone_mb: 128 } } }] });
export type PatchEdgeGroupInput = z.output<typeof patchEdgeGroupInput>;

/** What an operator decided about a group: what its versions keep. */
export const groupConfigurationSchema = z.object({
  name: z.string(),
  settings: edgeGroupSettingsSchema,
  is_canary: z.boolean(),
});
export type GroupConfiguration = z.output<typeof groupConfigurationSchema>;

export const edgeGroupParams = z.object({ id: givenId });

const example = { name: "frankfurt", settings: edgeGroupSettingsSchema.parse({}), is_canary: false };

export const edgeGroupReply = z
  .object({
    id: z.uuid(),
    ...groupConfigurationSchema.shape,
    capabilities: capabilitiesSchema
      .nullable()
      .meta({ description: "What every node of the group can do; null until the first one has enrolled." }),
    version: z.int().meta({ description: "The newest of its versions." }),
    refused: z
      .array(
        z.object({
          edge_id: z.uuid(),
          edge: z.string(),
          revision: z.int(),
          stage: refusalSchema.shape.stage.meta({ description: "`taste`: in a trial; `reload`, `probe`: in earnest." }),
          message: z.string(),
        }),
      )
      .meta({ description: "Edges that could not run these settings and serve with the ones before." }),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({
    id: "EdgeGroup",
    examples: [
      {
        id: groupId,
        ...example,
        capabilities: { nginx: "1.27.1", http3: true, http2_directive: true, balancer_keepalive: true, brotli: false },
        version: 3,
        refused: [
          {
            edge_id: edgeId,
            edge: "fra-1",
            revision: 1043,
            stage: "taste",
            message: 'mkdir() "/mnt/nvme0/edgewright-d2c4b6a8" failed (2: No such file or directory)',
          },
        ],
        created_at: time,
        updated_at: time,
      },
    ],
  });
export type EdgeGroupReply = z.input<typeof edgeGroupReply>;

export const groupVersionReply = z
  .object({
    number: z.int().meta({ description: "Counts from 1; each change adds one." }),
    action: z.string().meta({ description: "`noun.verb`: what made this version." }),
    user_id: z.uuid().nullable().meta({ description: "Whose change it was; null: the platform's." }),
    api_token_id: z.uuid().nullable(),
    created_at: z.iso.datetime(),
    configuration: groupConfigurationSchema,
    changes: z
      .array(z.object({ pointer: z.string(), before: z.unknown().optional(), after: z.unknown().optional() }))
      .meta({ description: "Against the version before." }),
  })
  .meta({
    id: "EdgeGroupVersion",
    examples: [
      {
        number: 2,
        action: "edge-group.update",
        user_id: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
        api_token_id: null,
        created_at: time,
        configuration: example,
        changes: [{ pointer: "/settings/cache/zone_mb", before: 64, after: 128 }],
      },
    ],
  });
export type GroupVersionReply = z.input<typeof groupVersionReply>;

export const groupRollbackInput = z
  .strictObject({ version: numberSchema.meta({ description: "It becomes a new version." }) })
  .meta({ id: "EdgeGroupRollback", examples: [{ version: 1 }] });

export const vacateGroupInput = z
  .strictObject({ to_group_id: givenId })
  .meta({ id: "EdgeGroupVacation", examples: [{ to_group_id: "9e8d7c6b-5a4f-4e3d-8c2b-1a0f9e8d7c6b" }] });

export const vacationReply = z
  .object({ distributions: z.int().meta({ description: "How many are on their way to the other group." }) })
  .meta({ id: "EdgeGroupVacated", examples: [{ distributions: 12 }] });

export const pointOfPresenceReply = z
  .object({ id: z.uuid(), name: z.string() })
  .meta({ id: "PointOfPresence", examples: [{ id: groupId, name: "frankfurt" }] });
