// The rollouts of new compilers over HTTP.
import { z } from "zod";
import { wholeListSchema } from "../../database/paging.ts";
import { defineRoute, type RequestFacts, type Route } from "../../http/define-route.ts";
import { assertIfMatch } from "../../http/etag.ts";
import { givenId } from "../../http/given-id.ts";
import { rolloutOver, unknownRollout } from "./problems.ts";
import type { RolloutService } from "./rollout.ts";
import type { RolloutRow } from "./rollout-store.ts";

const tag = "Edges";
const reading = { kind: "operator", scope: "platform:read" } as const;
const writing = { kind: "operator", scope: "platform:write" } as const;
const params = z.object({ id: givenId });

const rolloutReply = z
  .object({
    id: z.uuid(),
    compiler_version: z.int(),
    canary_group_id: z.uuid().nullable().meta({ description: "Null: the group was deleted meanwhile." }),
    state: z.enum(["canary", "stopped", "spreading", "done", "superseded"]).meta({
      description:
        "`canary`: one group has it, or gets it. `stopped`: the other groups keep what they have. `spreading`, `done`: they " +
        "follow. `superseded`: a newer compiler came.",
    }),
    reason: z.string().nullable().meta({ description: "What it waits for, or why it stopped." }),
    refused: z.int().meta({ description: "What the canary's edges refuse that they did not refuse before." }),
    quiet_since: z
      .string()
      .nullable()
      .meta({ description: "Since when every live edge of the canary has all of it, with no further refusal." }),
    created_at: z.iso.datetime(),
    finished_at: z.iso.datetime().nullable(),
  })
  .meta({
    id: "DeploymentRollout",
    examples: [
      {
        id: "3f5b7d9e-1a2c-4e6f-8b0d-2c4e6a8b0d1f",
        compiler_version: 13,
        canary_group_id: "d2c4b6a8-1e3f-4a5b-8c7d-9e0f1a2b3c4d",
        state: "canary",
        reason: "the canary's edges apply it",
        refused: 0,
        quiet_since: null,
        created_at: "2026-05-01T12:00:00.000Z",
        finished_at: null,
      },
    ],
  });

export function rolloutRoutes(rollouts: RolloutService): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/deployment-rollouts",
      operationId: "listDeploymentRollouts",
      tag,
      summary: "How each new compiler's work got from the canary group to the others, newest first",
      access: reading,
      reply: { status: 200, body: wholeListSchema(rolloutReply) },
      async handle() {
        return { body: { data: (await rollouts.list()).map(rolloutToReply), next_cursor: null } };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/deployment-rollouts/{id}",
      operationId: "getDeploymentRollout",
      tag,
      summary: "One rollout",
      access: reading,
      params,
      reply: { status: 200, body: rolloutReply },
      problems: [unknownRollout],
      async handle({ params: { id } }) {
        return { body: rolloutToReply(await rollouts.get(id)) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/deployment-rollouts/{id}/continue",
      operationId: "continueDeploymentRollout",
      tag,
      summary: "Let the other groups follow now, whatever the canary says",
      access: writing,
      ifMatch: true,
      params,
      reply: { status: 200, body: rolloutReply },
      problems: [unknownRollout, rolloutOver],
      async handle({ params: { id }, caller, facts }) {
        return { body: rolloutToReply(await rollouts.goOn(caller, id, asRead(facts))) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/deployment-rollouts/{id}/stop",
      operationId: "stopDeploymentRollout",
      tag,
      summary: "Let the other groups keep what they have, until it is continued or a newer compiler comes",
      access: writing,
      ifMatch: true,
      params,
      reply: { status: 200, body: rolloutReply },
      problems: [unknownRollout, rolloutOver],
      async handle({ params: { id }, caller, facts }) {
        return { body: rolloutToReply(await rollouts.stop(caller, id, asRead(facts))) };
      },
    }),
  ];
}

/** With If-Match, the rollout must still be where it was read to be. */
function asRead(facts: RequestFacts): (current: RolloutRow) => void {
  return (current) => assertIfMatch(facts, rolloutToReply(current));
}

function rolloutToReply(rollout: RolloutRow): z.input<typeof rolloutReply> {
  const { id, compiler_version, group_id, state, reason, refused } = rollout;
  return {
    ...{ id, compiler_version, canary_group_id: group_id, state, reason, refused },
    quiet_since: rollout.quiet_since?.toISOString() ?? null,
    created_at: rollout.created_at.toISOString(),
    finished_at: rollout.finished_at?.toISOString() ?? null,
  };
}
