// `edgewright domain:create DOMAIN --origin URL`: POST /distributions, from the command line.
import type { Command } from "commander";
import { z } from "zod";
import { answerOf } from "../../client/index.ts";
import { withApi } from "./api.ts";
import { answeringCommand, type Terminal } from "./command.ts";

const types = ["static", "media", "livestream", "diy"] as const;
const optionsSchema = z.object({
  origin: z.string(),
  label: z.string().optional(),
  type: z.enum(types, { error: `--type must be one of ${types.join(", ")}.` }).optional(),
  wait: z.string().regex(/^\d+$/, { error: "--wait must be a number of seconds." }).optional(),
});

export function domainCreateCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "domain:create",
    summary: "put a domain in front of an origin",
    declare: (command) =>
      command
        .argument("<domain>", "the name that viewers use, such as www.example.com")
        .requiredOption("--origin <url>", "where the content comes from, such as https://origin.example.com")
        .option("--type <type>", "static, media, livestream or diy: which built-in cache policy")
        .option("--label <label>", "a name for people")
        .option("--wait <seconds>", "until the edges serve it, but no longer than this"),
    async run([domain = ""], options) {
      const { origin, label, type, wait } = optionsSchema.parse(options);
      return withApi(terminal.env, async (api) =>
        answerOf(
          await api.POST("/api/v1/distributions", {
            ...(wait === undefined ? {} : { params: { header: { Prefer: `wait=${wait}` } } }),
            body: {
              domain,
              origin: { url: origin },
              ...(label === undefined ? {} : { label }),
              ...(type === undefined ? {} : { acceleration_type: type }),
            },
          }),
        ),
      );
    },
    present: ({ domain, cname, id, status }) =>
      `${domain} is ${status === "active" ? "served by the edges" : "on its way to the edges"} (distribution ${id}).\nPoint it here: ${domain} CNAME ${cname}\nSee what they serve: edgewright cdn:debug ${domain}`,
  });
}
