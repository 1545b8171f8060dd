// The versions of a distribution on the wire.
import { z } from "zod";
import { numberSchema, numberText } from "../../database/numbered-pages.ts";
import { configurationSchema, exampleConfiguration } from "./configuration.ts";

const difference = z
  .object({
    pointer: z.string().meta({ description: "RFC 6901; members of lists are named by their ids." }),
    before: z.unknown().optional().meta({ description: "Absent: there was nothing." }),
    after: z.unknown().optional().meta({ description: "Absent: there is nothing any more." }),
  })
  .meta({ id: "Difference" });

const example = {
  number: 2,
  action: "distribution.update",
  user_id: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
  api_token_id: null,
  created_at: "2026-11-20T12:00:00.000Z",
  changes: [{ pointer: "/settings/label", before: "www.example.com", after: "Shop" }],
};

const fields = {
  number: z.int().meta({ description: "Counts from 1; each change adds one." }),
  action: z.string().meta({ description: "`noun.verb`: what made this version." }),
  user_id: z.uuid().nullable().meta({ description: "Whose change it was; null: the platform's." }),
  api_token_id: z.uuid().nullable().meta({ description: "The API token that asked for it; null: a session did." }),
  created_at: z.string(),
  changes: z.array(difference).meta({ description: "Against the version before." }),
};

export const versionReply = z.object(fields).meta({ id: "Version", examples: [example] });
export type VersionReply = z.input<typeof versionReply>;
export const wholeVersionReply = z
  .object({ ...fields, configuration: configurationSchema })
  .meta({ id: "WholeVersion", examples: [{ ...example, configuration: exampleConfiguration }] });

export const diffReply = z
  .object({ from: z.int(), to: z.int(), changes: z.array(difference) })
  .meta({ id: "VersionDiff", examples: [{ from: 1, to: 2, changes: example.changes }] });

export const versionNumber = numberText;
export const diffQuery = z.object({ against: versionNumber.meta({ description: "The version to compare with." }) });
export const rollbackInput = z
  .strictObject({
    version: numberSchema.meta({ description: "Its configuration becomes a new version." }),
  })
  .meta({ id: "RollbackInput", examples: [{ version: 1 }] });
