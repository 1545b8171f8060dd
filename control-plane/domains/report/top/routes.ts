// The most of something, as JSON and CSV.
import type { z } from "zod";
import { csvOf } from "../../../http/csv.ts";
import { defineRoute, type Route } from "../../../http/define-route.ts";
import { unknownDistribution } from "../../distribution/index.ts";
import { topQuery, topReply } from "./schema.ts";
import type { TopReport, TopService } from "./service.ts";
import { shareOf } from "./top.ts";

const CSV = "text/csv";

export function topRoutes({ tops }: { tops: TopService }): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/reports/top",
      operationId: "getTop",
      tag: "Reports",
      summary: "What occurs most: URLs, referrers, user agents, errors and more",
      access: { kind: "account", role: "viewer", scope: "reports:read" },
      query: topQuery,
      reply: { status: 200, body: topReply, also: [CSV] },
      problems: [unknownDistribution],
      async handle({ query, caller, facts }) {
        const body = topToReply(await tops.top(caller, query, facts.signal));
        if (facts.accepted !== CSV) return { body };
        return { written: { type: CSV, text: csvOf(["value", "requests", "bytes", "share"], body.data) } };
      },
    }),
  ];
}

function topToReply({ from, to, by, orderBy, total, entries }: TopReport): z.input<typeof topReply> {
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    by,
    order_by: orderBy,
    total,
    data: entries.map((entry) => ({ ...entry, share: shareOf(entry[orderBy], total[orderBy]) })),
  };
}
