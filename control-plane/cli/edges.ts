// `edgewright edges`: GET /edges with the groups that they are of, from the command line.
import type { Command } from "commander";
import { z } from "zod";
import { type ApiClient, answerOf, type Schemas } from "../../client/index.ts";
import { withApi } from "./api.ts";
import { answeringCommand, type Terminal } from "./command.ts";

const PAGE = 100;
const optionsSchema = z.object({ group: z.string().optional() });

type Edge = Schemas["Edge"];
type ListedEdge = Edge & { readonly group: string };

export function edgesCommand(terminal: Terminal): Command {
  return answeringCommand(terminal, {
    name: "edges",
    summary: "list the edges: their state, what they run, when they were last heard of",
    declare: (command) => command.option("--group <name>", "those of one edge group alone"),
    async run(_arguments, options) {
      const { group } = optionsSchema.parse(options);
      return withApi(terminal.env, async (api) => {
        const names = new Map((await allGroups(api)).map(({ id, name }) => [id, name]));
        const edges = (await allEdges(api)).map((edge) => ({
          ...edge,
          group: names.get(edge.group_id) ?? edge.group_id,
        }));
        return { edges: edges.filter((edge) => group === undefined || edge.group === group).sort(byGroupAndName) };
      });
    },
    present: ({ edges }) =>
      edges.length === 0 ? "There is no edge yet: `edgewright edge:enrol GROUP`." : table(edges),
  });
}

async function allGroups(api: ApiClient): Promise<readonly Schemas["EdgeGroup"][]> {
  return allOf(async (query) => answerOf(await api.GET("/api/v1/edge-groups", { params: { query } })));
}

async function allEdges(api: ApiClient): Promise<readonly Edge[]> {
  return allOf(async (query) => answerOf(await api.GET("/api/v1/edges", { params: { query } })));
}

interface Page<Item> {
  readonly data: readonly Item[];
  readonly next_cursor: string | null;
}

async function allOf<Item>(
  read: (query: { limit: number; cursor?: string }) => Promise<Page<Item>>,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page<Item> = await read({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.data);
    cursor = page.next_cursor;
  }
  return items;
}

function byGroupAndName(one: ListedEdge, other: ListedEdge): number {
  return one.group.localeCompare(other.group) || one.name.localeCompare(other.name);
}

const COLUMNS = ["GROUP", "EDGE", "STATE", "REVISION", "REFUSED", "LAST SEEN"];

function table(edges: readonly ListedEdge[]): string {
  const rows = [COLUMNS, ...edges.map(rowOf)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function rowOf({ group, name, state, is_live, running, last_seen_at }: ListedEdge): string[] {
  return [
    group,
    name,
    is_live ? state : `${state}, silent`,
    `${running?.applied ?? "-"}`,
    `${running?.refused.length ?? "-"}`,
    last_seen_at ?? "never",
  ];
}
