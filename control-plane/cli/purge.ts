// `edgewright purge DOMAIN --url U | --prefix P | --tag T | --all`: POST /distributions/{id}/purges, from the command line.
import { type Command, Option } from "commander";
import { z } from "zod";
import { answerOf, type Schemas } from "../../client/index.ts";
import { StartError } from "../../platform/embedded/start-error.ts";
import { distributionOf, withApi } from "./api.ts";
import { answeringCommand, type Terminal } from "./command.ts";

const WAIT_SECONDS = "30";

const optionsSchema = z.object({
  url: z.array(z.string()).optional(),
  prefix: z.array(z.string()).optional(),
  tag: z.array(z.string()).optional(),
  all: z.literal(true).optional(),
  wait: z.string().regex(/^\d+$/, { error: "--wait must be a number of seconds." }).optional(),
});

export function purgeCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "purge",
    summary: "make the edges fetch a domain's content anew",
    declare: (command) =>
      command
        .argument("<domain>", "the name that viewers use, such as www.example.com")
        .option("--url <url>", "a whole URL, or from /; again for more", collect)
        .option("--prefix <path>", "everything below a path such as /pictures/; again for more", collect)
        .option("--tag <tag>", "what the origin says in Cache-Tag or Surrogate-Key; again for more", collect)
        .option("--all", "everything")
        .addOption(
          new Option("--wait [seconds]", "until every edge has it, but no longer than this").preset(WAIT_SECONDS),
        )
        .hook("preAction", assertOneKind),
    async run([domain = ""], options) {
      const asked = optionsSchema.parse(options);
      const purge = await withApi(terminal.env, async (api) => {
        const id = await distributionOf(api, domain);
        return answerOf(
          await api.POST("/api/v1/distributions/{id}/purges", {
            params: {
              path: { id },
              ...(asked.wait === undefined ? {} : { header: { Prefer: `wait=${asked.wait}` } }),
            },
            body: bodyOf(asked),
          }),
        );
      });
      if (asked.wait !== undefined && purge.status !== "done") throw new StartError(unfinished(purge));
      return purge;
    },
    present: ({ id, status }) =>
      status === "done" ? `Purged on every edge (purge ${id}).` : `On its way to the edges (purge ${id}).`,
  });
}

function assertOneKind(command: Command): void {
  const { url, prefix, tag, all } = optionsSchema.omit({ wait: true }).parse(command.opts());
  if ([url, prefix, tag, all].filter((given) => given !== undefined).length === 1) return;
  command.error("Say what to purge by exactly one of --url, --prefix, --tag (each as often as you like) and --all.");
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function bodyOf({ url, prefix, tag }: z.output<typeof optionsSchema>): Schemas["PurgeInput"] {
  if (url !== undefined) return { urls: url };
  if (prefix !== undefined) return { prefixes: prefix };
  if (tag !== undefined) return { tags: tag };
  return { all: true };
}

function unfinished({ id, status, edges }: Schemas["Purge"]): string {
  const missing = edges.filter(({ state }) => state === "waiting" || state === "refused");
  const told = missing.map(({ edge, state, reason }) => `  ${edge}: ${state}${reason === null ? "" : ` (${reason})`}`);
  return [`The purge ${id} is not done yet: ${status}.`, ...told].join("\n");
}
