// What people and programs are told of an alert. No input or output.
import type { Notification } from "../notification/index.ts";
import type { Condition } from "./condition.ts";
import { percent, said, wordsOf } from "./metrics.ts";
import type { Turn } from "./state.ts";
import type { AlertRecord } from "./store.ts";

export interface Telling {
  readonly alert: Pick<
    AlertRecord,
    "id" | "accountId" | "name" | "distributionId" | "condition" | "mailInCharge" | "mailMembers"
  >;
  readonly turn: Turn;
  readonly isTest: boolean;
  readonly value: number | null;
  readonly reason: string;
  /** Since when it stands so. */
  readonly since: Date;
  /** Of its distribution; null: it is about all that the account has. */
  readonly domain: string | null;
  /** Where the API is. */
  readonly publicUrl: URL;
  readonly now: Date;
}

export function notificationOf(telling: Telling): Notification {
  const { alert, turn, isTest, value, reason, since, domain, now } = telling;
  const { id, accountId, name, distributionId, condition, mailInCharge, mailMembers } = alert;
  return {
    ...{ accountId, event: turn === "raised" ? "alert.raised" : "alert.resolved", now },
    subject: subjectOf(telling),
    text: textOf(telling),
    data: {
      ...{ alert_id: id, name, distribution_id: distributionId, domain, condition },
      ...{ value, reason, since: since.toISOString(), is_test: isTest, events_url: eventsUrlOf(telling) },
    },
    recipients: { inCharge: mailInCharge, userIds: mailMembers },
    isUrgent: true,
  };
}

function subjectOf({ alert, turn, isTest, domain }: Telling): string {
  const what = `${alert.name}${domain === null ? "" : ` (${domain})`}`;
  if (isTest) return `Test of the alert ${what}`;
  return turn === "raised" ? `Alert: ${what}` : `Resolved: ${what}`;
}

function textOf(telling: Telling): string {
  const { alert, turn, isTest, reason, since, domain } = telling;
  const when = `${since.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const about = domain ?? "the whole account";
  const stands = isTest
    ? `This is a test: somebody asked for it. When the alert ${alert.name} is raised, a letter like this one comes.`
    : `The alert ${alert.name} on ${about} has been ${turn === "raised" ? "raised" : "over"} since ${when}.`;
  return [stands, reason, `Its condition: ${conditionWords(alert.condition)}.`, whereToLook(telling)].join("\n\n");
}

function whereToLook({ alert, domain, publicUrl, ...telling }: Telling): string {
  const history = `Its history: GET ${eventsUrlOf({ alert, publicUrl })}`;
  if (alert.condition.type === "certificate_expiry") {
    return `The certificates: GET ${new URL("/api/v1/certificates", publicUrl).href}\n\n${history}`;
  }
  const around = new Date(telling.since.getTime() - LOOKED_BACK_MS).toISOString();
  const one = alert.distributionId === null ? "" : `distribution_id=${alert.distributionId}&`;
  const report = new URL(`/api/v1/reports/traffic?${one}interval=minute&from=${around}`, publicUrl);
  const traffic = `The traffic: GET ${report.href}`;
  return [traffic, ...(domain === null ? [] : [`In a terminal: edgewright report ${domain} --last 24h`]), history].join(
    "\n\n",
  );
}

const LOOKED_BACK_MS = 2 * 60 * 60 * 1000;

function eventsUrlOf({ alert, publicUrl }: Pick<Telling, "alert" | "publicUrl">): string {
  return new URL(`/api/v1/alerts/${alert.id}/events`, publicUrl).href;
}

export function conditionWords(condition: Condition): string {
  switch (condition.type) {
    case "threshold": {
      const { metric, direction, value, window_minutes: minutes } = condition;
      return `${wordsOf(metric)} ${direction} ${said(metric, value)} within ${minutes} minutes`;
    }
    case "drop":
      return `${wordsOf(condition.metric)} in the last hour ${percent(condition.percent)} below those of the same hour of last week`;
    case "error_rate":
      return `more than ${percent(condition.percent)} of the requests within ${condition.window_minutes} minutes answered with an error (5xx)`;
    case "certificate_expiry":
      return `a certificate that ends within ${condition.days} ${condition.days === 1 ? "day" : "days"}`;
  }
}
