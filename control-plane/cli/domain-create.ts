// `edgewright domain:create DOMAIN --origin URL`: what POST /distributions does, from the operator's own machine.
import type { Command } from "commander";
import { z } from "zod";
import { createDistributionInput, distributionToReply } from "../domains/distribution/index.ts";
import { invalidRequest } from "../http/problems.ts";
import { answeringCommand, type Terminal } from "./command.ts";
import { asOperator } from "./operator.ts";

const optionsSchema = z.object({ origin: z.string(), label: z.string().optional(), type: z.string().optional() });

export function domainCreateCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "domain:create",
    summary: "put a domain in front of an origin",
    declare: (command) =>
      command
        .argument("<domain>", "the name that viewers use, such as www.example.com")
        .requiredOption("--origin <url>", "where the content comes from, such as https://origin.example.com")
        .option("--type <type>", "static, media, livestream or diy: which built-in cache policy")
        .option("--label <label>", "a name for people"),
    async run([domain], options) {
      const { origin, label, type } = optionsSchema.parse(options);
      const input = createDistributionInput.safeParse({
        domain,
        origin: { url: origin },
        ...(label === undefined ? {} : { label }),
        ...(type === undefined ? {} : { acceleration_type: type }),
      });
      if (!input.success) {
        throw invalidRequest(
          input.error.issues.map(({ path, message }) => ({ pointer: `/${path.join("/")}`, detail: message })),
        );
      }
      return asOperator(terminal.env, async ({ services, operator }) =>
        distributionToReply(await services.distributions.create(operator, input.data)),
      );
    },
    present: ({ domain, cname, id }) =>
      `${domain} is on its way to the edges (distribution ${id}).\nPoint it here: ${domain} CNAME ${cname}\nSee what they serve: edgewright cdn:debug ${domain}`,
  });
}
