// Whether the process is alive, and whether what it leans on answers.
import { z } from "zod";
import { defineRoute, type Route } from "./define-route.ts";

export interface Dependency {
  readonly name: string;
  /** Without it the API still does its work, slower: its failure does not take the process out of the rotation. */
  readonly optional?: boolean;
  check(signal: AbortSignal): Promise<void>;
}

const CHECK_TIMEOUT_MS = 2_000;

const dependencyState = z.object({
  name: z.string(),
  status: z.enum(["ok", "failed"]),
  optional: z.boolean(),
  reason: z.string().nullable(),
  ms: z.number(),
});
type DependencyState = z.infer<typeof dependencyState>;

const readyReply = z
  .object({
    status: z.enum(["ready", "degraded", "not_ready"]),
    dependencies: z.array(dependencyState),
  })
  .meta({
    examples: [
      { status: "ready", dependencies: [{ name: "database", status: "ok", optional: false, reason: null, ms: 0.8 }] },
    ],
  });

const healthReply = z.object({ status: z.literal("ok") }).meta({ examples: [{ status: "ok" }] });

export function healthRoutes(dependencies: readonly Dependency[]): Route[] {
  let asking: Promise<readonly DependencyState[]> | undefined;
  return [
    defineRoute({
      method: "GET",
      path: "/health",
      operationId: "getHealth",
      tag: "Operation",
      summary: "Is the process alive",
      access: { kind: "public" },
      unlimited: true,
      reply: { status: 200, body: healthReply },
      handle: async () => ({ body: { status: "ok" as const } }),
    }),
    defineRoute({
      method: "GET",
      path: "/ready",
      operationId: "getReady",
      tag: "Operation",
      summary: "Does each dependency answer; 503 when one that is needed does not",
      access: { kind: "public" },
      unlimited: true,
      reply: { status: 200, body: readyReply },
      handle: async () => {
        // Anybody may ask, as often as they like: whoever asks meanwhile gets the same answer.
        asking ??= Promise.all(dependencies.map(stateOf)).finally(() => {
          asking = undefined;
        });
        const states = await asking;
        const status = readinessOf(states);
        return { status: status === "not_ready" ? 503 : 200, body: { status, dependencies: [...states] } };
      },
    }),
  ];
}

function readinessOf(states: readonly DependencyState[]): "ready" | "degraded" | "not_ready" {
  const failed = states.filter((state) => state.status === "failed");
  if (failed.length === 0) return "ready";
  return failed.every((state) => state.optional) ? "degraded" : "not_ready";
}

async function stateOf(dependency: Dependency): Promise<DependencyState> {
  const { name, optional = false } = dependency;
  const startedAt = performance.now();
  const reason = await failureOf(dependency);
  const ms = Math.round((performance.now() - startedAt) * 10) / 10;
  return { name, status: reason === null ? "ok" : "failed", optional, reason, ms };
}

/** Null when the check passes. The deadline holds even when the check does not heed its signal. */
async function failureOf(dependency: Dependency): Promise<string | null> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)),
    CHECK_TIMEOUT_MS,
  );
  const missed = new Promise<never>((_resolve, reject) => {
    deadline.signal.addEventListener("abort", () => reject(deadline.signal.reason), { once: true });
  });
  try {
    await Promise.race([dependency.check(deadline.signal), missed]);
    return null;
  } catch (error) {
    return reasonOf(error);
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join("; ");
  return error instanceof Error && error.message !== "" ? error.message : "failed without saying why";
}
