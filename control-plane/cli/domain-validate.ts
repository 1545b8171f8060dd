// `edgewright domain:validate DOMAIN`: POST /distributions/{id}/validate, from the command line.
import type { Command } from "commander";
import { answerOf, type Schemas } from "../../client/index.ts";
import { distributionOf, withApi } from "./api.ts";
import { answeringCommand, type Terminal } from "./command.ts";

export function domainValidateCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "domain:validate",
    summary: "look at a domain's DNS now: does it lead here, and which record would mend it",
    declare: (command) => command.argument("<domain>", "the name that viewers use, such as www.example.com"),
    run: ([domain = ""]) =>
      withApi(terminal.env, async (api) => {
        const id = await distributionOf(api, domain);
        return answerOf(await api.POST("/api/v1/distributions/{id}/validate", { params: { path: { id } } }));
      }),
    present: (validation) => [validation.detail, ...validation.checks.flatMap(describeCheck)].join("\n"),
  });
}

function describeCheck({
  check,
  status,
  detail,
  found,
  records_to_add: records,
}: Schemas["ValidationCheck"]): string[] {
  return [
    `${check}: ${status.replace("_", " ")}. ${detail}`,
    ...found.map(
      ({ at, type, name, values, fault }) => `  ${at}: ${name} ${type} ${fault ?? (values.join(", ") || "none")}`,
    ),
    ...records.map(({ type, name, value }) => `  add: ${name} ${type} ${value}`),
  ];
}
