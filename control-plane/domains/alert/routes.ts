// Alerts over HTTP: everybody in the account sees how they stand; editors change them.
import { pageOf, pageSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertDecidedIfMatch, etagOfParts } from "../../http/etag.ts";
import { tooManyAlerts, tooManyAlertTests, unknownAlert } from "./problems.ts";
import { alertToReply, decidedOf, eventToReply } from "./reply.ts";
import {
  alertEventQuery,
  alertEventReply,
  alertInput,
  alertParams,
  alertPatch,
  alertQuery,
  alertReply,
} from "./schema.ts";
import type { AlertService } from "./service.ts";
import type { AlertRecord } from "./store.ts";

const tag = "Alerts";
const reading = { kind: "account", role: "viewer", scope: "alerts:read" } as const;
const writing = { kind: "account", role: "editor", scope: "alerts:write" } as const;

interface AlertRouteSettings {
  readonly alerts: AlertService;
  readonly clock: () => Date;
}

export function alertRoutes({ alerts, clock }: AlertRouteSettings): Route[] {
  return [...changingRoutes(alerts, clock), ...readingRoutes(alerts, clock)];
}

function changingRoutes(alerts: AlertService, clock: () => Date): Route[] {
  return [
    defineRoute({
      method: "POST",
      path: "/alerts",
      operationId: "createAlert",
      tag,
      summary: "Be told when a metric crosses a limit, traffic drops, errors rise or a certificate ends",
      access: writing,
      body: alertInput,
      reply: { status: 201, body: alertReply },
      problems: [tooManyAlerts],
      async handle({ body, caller }) {
        const alert = await alerts.create(caller, body);
        return { headers: { location: `/api/v1/alerts/${alert.id}` }, body: alertToReply(alert, clock()) };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/alerts/{id}",
      operationId: "updateAlert",
      tag,
      summary:
        "Change what the merge patch names, a condition as a whole; what it was raised for is over when it waits for something else",
      access: writing,
      ifMatch: true,
      params: alertParams,
      body: alertPatch,
      reply: { status: 200, body: alertReply },
      problems: [unknownAlert],
      async handle({ params, body, caller, facts }) {
        return tagged(await alerts.update(caller, params.id, body, asRead(facts)), clock());
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/alerts/{id}",
      operationId: "deleteAlert",
      tag,
      summary: "Delete an alert with its history; whoever was told that it is raised is told that this is over",
      access: writing,
      ifMatch: true,
      params: alertParams,
      reply: { status: 204, empty: true },
      problems: [unknownAlert],
      async handle({ params, caller, facts }) {
        await alerts.remove(caller, params.id, asRead(facts));
        return {};
      },
    }),
    defineRoute({
      method: "POST",
      path: "/alerts/{id}/test",
      operationId: "testAlert",
      tag,
      summary: "Tell everybody whom it tells, as if it were raised, and say that it is a test",
      access: writing,
      params: alertParams,
      reply: { status: 202, body: alertEventReply },
      problems: [unknownAlert, tooManyAlertTests],
      async handle({ params, caller }) {
        return { body: eventToReply(await alerts.sendTest(caller, params.id)) };
      },
    }),
  ];
}

function readingRoutes(alerts: AlertService, clock: () => Date): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/alerts",
      operationId: "listAlerts",
      tag,
      summary: "The account's alerts and how they stand, newest first",
      access: reading,
      query: alertQuery,
      reply: { status: 200, body: pageSchema(alertReply) },
      async handle({ query, caller }) {
        const now = clock();
        return { body: pageOf(await alerts.list(caller, query), query, (alert) => alertToReply(alert, now)) };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/alerts/{id}",
      operationId: "getAlert",
      tag,
      summary: "One alert and how it stands",
      access: reading,
      params: alertParams,
      reply: { status: 200, body: alertReply },
      problems: [unknownAlert],
      async handle({ params, caller }) {
        return tagged(await alerts.get(caller, params.id), clock());
      },
    }),
    defineRoute({
      method: "GET",
      path: "/alerts/{id}/events",
      operationId: "listAlertEvents",
      tag,
      summary: "When it was raised and resolved in the last 90 days, and why, newest first",
      access: reading,
      params: alertParams,
      query: alertEventQuery,
      reply: { status: 200, body: pageSchema(alertEventReply) },
      problems: [unknownAlert],
      async handle({ params, query, caller }) {
        return { body: pageOf(await alerts.listEvents(caller, params.id, query), query, eventToReply) };
      },
    }),
  ];
}

/** How it stands just now is not what a change of it is about. */
function tagged(alert: AlertRecord, now: Date) {
  const body = alertToReply(alert, now);
  return { headers: { etag: etagOfParts({ decided: decidedOf(alert), body }) }, body };
}

/** With If-Match, the alert must still be the one that was read. */
function asRead(facts: RequestFacts): (current: AlertRecord) => void {
  return (current) => assertDecidedIfMatch(facts, decidedOf(current));
}
