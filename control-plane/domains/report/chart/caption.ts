// Whose traffic a picture shows, and what its groups are called: in words that people know, where there are any. No I/O.
import type { TrafficReport } from "../traffic/traffic.ts";
import type { Caption } from "./svg.ts";

export interface Shown {
  readonly report: TrafficReport;
  /** What was asked for; undefined: all. */
  readonly ids: readonly string[] | undefined;
  /** What the ids are of. */
  readonly things: "accounts" | "distributions";
  /** The domains of distributions, as far as they are known. */
  readonly domains: ReadonlyMap<string, string>;
}

export function captionOf({ report, ids, things, domains }: Shown): Caption {
  const [id, ...others] = ids ?? [];
  const title = id === undefined ? `all ${things}` : (domains.get(id) ?? id);
  return {
    title: others.length > 0 ? `${others.length + 1} ${things}` : title,
    nameOf: (group) => {
      if (report.group === "country") return countryOf(group);
      if (report.group === "distribution_id") return domains.get(group) ?? group;
      return group === "" ? "none" : group;
    },
  };
}

/** Of which a picture with these groups needs the domains. */
export function distributionsIn(report: TrafficReport, ids: readonly string[] | undefined): readonly string[] {
  const asked = ids?.length === 1 ? ids : [];
  const groups = report.group === "distribution_id" ? report.groups.flatMap(({ group }) => group ?? []) : [];
  return [...asked, ...groups.filter((group) => UUID.test(group))];
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const countries = new Intl.DisplayNames("en", { type: "region", fallback: "code" });

function countryOf(code: string): string {
  if (code === "") return "unknown";
  return /^[A-Z]{2}$/.test(code) ? (countries.of(code) ?? code) : code;
}
