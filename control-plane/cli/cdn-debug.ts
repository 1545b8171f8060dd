// `edgewright cdn:debug DOMAIN`: what every edge serves for a domain, and why. No key and no secret is in it.
import { domainToASCII } from "node:url";
import type { Command } from "commander";
import { explainDeployment, type HostExplanation } from "../domains/deployment/index.ts";
import { clock } from "../roles/services.ts";
import { answeringCommand, type Terminal } from "./command.ts";
import { withServices } from "./operator.ts";

export function cdnDebugCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "cdn:debug",
    summary: "explain what every edge serves for a domain",
    declare: (command) =>
      command
        .argument("<domain>", "the name that viewers use")
        .option("--files", "print the rendered nginx files whole"),
    run: ([domain = ""], { files }) =>
      withServices(terminal.env, async ({ db }) => ({
        ...(await explainDeployment(db, domainToASCII(domain.replace(/\.$/, "")), clock())),
        wholeFiles: files === true,
      })),
    present: ({ wholeFiles, ...explanation }) =>
      [...describeDistributions(explanation), ...describeGroups(explanation, wholeFiles)].join("\n"),
  });
}

const STILL_THE_OLD_ONE =
  "an edge that refused this document goes on with the version before it, or answers 503 where there was none";

type Distribution = HostExplanation["distributions"][number];
type Group = HostExplanation["groups"][number];

function describeDistributions({ host, distributions }: HostExplanation): readonly string[] {
  if (distributions.length === 0) return [`No distribution has ${host}: every edge answers 421.`];
  return distributions.flatMap((distribution) => [
    `${host} → distribution ${distribution.id} (${distribution.status}, version ${distribution.version})`,
    ...indent(distribution.status_reason === null ? [] : [`why: ${distribution.status_reason}`]),
    ...indent([`cname: ${distribution.cname}`]),
    ...indent(
      distribution.deployment.groups.map(
        (group) => `group ${group.group}: revision ${group.revision} ${group.state}${because(group.reason)}`,
      ),
    ),
    ...indent(distribution.deployment.edges.map(describeEdgeOf)),
    ...indent(distribution.deployment.edges.some(({ refused }) => refused !== null) ? [STILL_THE_OLD_ONE] : []),
    ...indent(distribution.certificates.flatMap(describeCertificate)),
    ...indent(distribution.documents.flatMap(describeDocument)),
  ]);
}

function describeEdgeOf(edge: Distribution["deployment"]["edges"][number]): string {
  const refused =
    edge.refused === null
      ? ""
      : `; refused revision ${edge.refused.revision} at ${edge.refused.stage}: ${edge.refused.message}`;
  return `edge ${edge.edge}: ${edge.state}, applied up to revision ${edge.applied}${refused}`;
}

function describeCertificate(certificate: Distribution["certificates"][number]): readonly string[] {
  const whose = certificate.is_platform ? "the platform's certificate" : "certificate";
  return [
    `${whose} ${certificate.name} (${certificate.id}): ${certificate.status}${because(certificate.status_reason)}`,
    ...indent(
      certificate.shown.map(
        ({ group, revision, domains, not_after: until, fingerprints }) =>
          `group ${group}, revision ${revision}: ${domains.join(", ")} until ${until}, SHA-256 ${fingerprints.join(", ")}`,
      ),
    ),
  ];
}

function describeDocument({ group, revision, document }: Distribution["documents"][number]): readonly string[] {
  if (document === null) return [`document in group ${group}: taken away at revision ${revision}`];
  return [`document in group ${group}, revision ${revision}:`, ...indent(readableJson(document).split("\n"))];
}

/** Indented, with lists of plain values on one line: what a person can take in. */
function readableJson(value: unknown): string {
  const indented = JSON.stringify(value, null, 2);
  return indented.replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, items: string) => `[${items.replace(/\s+/g, " ")}]`);
}

function describeGroups({ groups }: HostExplanation, wholeFiles: boolean): readonly string[] {
  return groups.flatMap((group) => [
    `group ${group.name}: ${group.structure === null ? "no nginx files yet" : `nginx files of revision ${group.structure.revision}`}`,
    ...indent(group.edges.map(describeEdge)),
    ...indent(describeFiles(group, wholeFiles)),
  ]);
}

function describeEdge(edge: Group["edges"][number]): string {
  if (edge.applied === null) return `edge ${edge.name}: has not reported yet`;
  const refused = edge.refused.map(
    ({ kind, id, rev, stage, message }) => `\n    refused ${kind} ${id} revision ${rev} at ${stage}: ${message}`,
  );
  return `edge ${edge.name}: runs revision ${edge.applied}, structure ${edge.structure}, ${edge.documents} documents, seen ${edge.last_seen_at}${refused.join("")}`;
}

function describeFiles({ structure }: Group, whole: boolean): readonly string[] {
  const files = structure?.files ?? [];
  if (!whole) return files.map(({ path, text }) => `${path} (${text.split("\n").length} lines; --files prints it)`);
  return files.flatMap(({ path, text }) => [`── ${path}`, ...text.trimEnd().split("\n")]);
}

function because(reason: string | null): string {
  return reason === null ? "" : `: ${reason}`;
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
