// What accounts are told about their quotas. No input or output.
import type { Month } from "./month.ts";
import type { QuotaMetric, Reached } from "./quota-rules.ts";

export interface Words {
  readonly subject: string;
  readonly text: string;
}

export function wordsOf(month: Month, reached: Reached, isCutOff: boolean): Words {
  const { metric, percent, limit, used } = reached;
  const what = `Of ${amountOf(metric, limit)} in ${month}, ${amountOf(metric, used)} are used.`;
  if (percent === 80) {
    return {
      subject: `80 % of your ${NAMES[metric]} for ${month} are used`,
      text: `${what}\n\nGET /api/v1/usage/${month} shows by which distributions and on which days. Ask your operator if you need more.`,
    };
  }
  const consequence = isCutOff
    ? "All your distributions answer 503 now, with a page that says why: until the quota is raised or the month is over (in UTC)."
    : "Your distributions are served as before.";
  return {
    subject: isCutOff
      ? `Your distributions are cut off: the ${NAMES[metric]} for ${month} are used up`
      : `Your ${NAMES[metric]} for ${month} are used up`,
    text: `${what}\n\n${consequence}\n\nAsk your operator if you need more.`,
  };
}

const NAMES = { requests: "requests", bytes: "bytes" } satisfies Record<QuotaMetric, string>;

const UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB"] as const;

/** `1.25 TB`, or `1,250,000 requests`. */
function amountOf(metric: QuotaMetric, amount: number): string {
  if (metric === "requests") return `${amount.toLocaleString("en-US")} requests`;
  const power = Math.min(Math.floor(Math.log10(Math.max(amount, 1)) / 3), UNITS.length - 1);
  return `${(amount / 1000 ** power).toLocaleString("en-US", { maximumFractionDigits: 2 })} ${UNITS[power]}`;
}
