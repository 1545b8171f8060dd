// `edgewright edge:enrol GROUP`: makes the edge group when there is none of that name, and a token for one new node of it.
import type { Command } from "commander";
import { z } from "zod";
import { edgeGroupSettingsSchema } from "../../edge-templates/index.ts";
import { ConfigError } from "../../platform/config.ts";
import { inTransaction } from "../database/transaction.ts";
import { findGroups } from "../domains/edge-node/index.ts";
import { answeringCommand, type Terminal } from "./command.ts";
import { withServices } from "./operator.ts";

const optionsSchema = z.object({ settings: z.string().optional() });

export function edgeEnrolCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "edge:enrol",
    summary: "get the token by which a new edge joins a group (15 minutes, once)",
    declare: (command) =>
      command
        .argument("<group>", "the edge group, such as frankfurt; made when there is none")
        .option("--settings <json>", "the group's settings; left out, they stay as they are or become the defaults"),
    async run([name = ""], options) {
      const { settings } = optionsSchema.parse(options);
      const wanted = settings === undefined ? undefined : parseSettings(settings);
      return withServices(terminal.env, ({ db, services }) =>
        inTransaction(db, async (tx) => {
          const known = (await findGroups(tx)).find((group) => group.name === name);
          const kept = wanted ?? known?.settings ?? edgeGroupSettingsSchema.parse({});
          const group = await services.edgeGroups.ensure(tx, { name, settings: kept });
          const { token, expiresAt } = await services.edgeNodes.createEnrolmentToken(tx, group.id);
          return { group: group.id, token, expires_at: expiresAt.toISOString() };
        }),
      );
    },
    present: ({ token, expires_at }) =>
      `EDGE_ENROLMENT_TOKEN=${token}\n(good once, until ${expires_at}: give it to \`edgewright agent:start\`)`,
  });
}

function parseSettings(text: string) {
  const parsed = edgeGroupSettingsSchema.safeParse(readJson(text));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `  ${path.join(".")}: ${message}`);
  throw new ConfigError(`--settings has faults:\n${faults.join("\n")}`);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError("--settings must be JSON.", { cause: error });
  }
}
