import { describe, expect, test } from "vitest";
import { deploymentAfter, outcomeOf, type ScopeState } from "./rules.ts";
import type { DeploymentRow } from "./store.ts";

const live = (state: ScopeState["state"], reason: string | null = null) => ({ state, reason, isLive: true });
const dark = (state: ScopeState["state"]) => ({ state, reason: null, isLive: false });

describe("the status of a distribution in several groups", () => {
  test.each([
    ["active everywhere", [live("active"), live("active")], "active"],
    ["still on its way to one", [live("active"), live("deploying")], "deploying"],
    ["on its way to a group where nobody is seen", [live("active"), dark("deploying")], "active"],
    ["on its way while nobody is seen anywhere", [dark("deploying"), dark("deploying")], "deploying"],
    ["taken away everywhere", [live("removed"), dark("removed")], "removed"],
    ["taken away where somebody is seen", [live("removed"), dark("removing")], "removed"],
    ["kept to a group where nobody is seen", [live("removed"), dark("deploying")], "deploying"],
    ["kept to a group where nobody is seen any more", [live("removed"), dark("active")], "active"],
    ["leaving one of two groups", [live("removing"), live("active")], "active"],
    ["being taken away", [live("removed"), live("removing")], "deploying"],
    ["taken away where edges are seen", [live("removed"), dark("removing")], "removed"],
  ] as const)("%s", (_, scopes, status) => {
    expect(outcomeOf(scopes)).toEqual({ status, reason: null });
  });

  test("refused by one is failed, with its reason", () => {
    const scopes = [live("active"), live("refused", "edge-1 refused it"), dark("deploying")];
    expect(outcomeOf(scopes)).toEqual({ status: "failed", reason: "edge-1 refused it" });
  });
});

describe("a deployment after a compilation", () => {
  const source = { id: "d", sourceVersion: 4 };
  const nothing = { ...source, kind: "nothing" } as const;
  const document = {
    ...source,
    kind: "document",
    edgeGroupIds: null,
    body: "{}",
    hash: "h",
    secrets: [],
    certificate: null,
  } as const;
  const refused: DeploymentRow = {
    distribution_id: "d",
    scope: "s",
    rev: 7,
    source_version: 3,
    state: "refused",
    refused_stage: "compile",
    reason: "hosts: …",
    updated_at: new Date(0),
  };

  test("waits for the edges to let go, if there are any", () => {
    expect(deploymentAfter(undefined, nothing, { outcome: "append", rev: 9 }, true)?.state).toBe("removing");
    expect(deploymentAfter(undefined, nothing, { outcome: "append", rev: 9 }, false)?.state).toBe("removed");
  });

  test("that never got anything out has nothing to wait for", () => {
    expect(deploymentAfter(refused, nothing, { outcome: "unchanged", rev: 0 }, true)?.state).toBe("removed");
  });

  test("returns from a refusal of the compiler to what edges have, and lets them prove it again", () => {
    const next = deploymentAfter(refused, document, { outcome: "unchanged", rev: 7 }, true);
    expect(next).toMatchObject({ state: "deploying", rev: 7, source_version: 4, refused_stage: null });
  });

  test("stands by an edge's refusal while the content is the same", () => {
    const byEdge = { ...refused, refused_stage: "probe" };
    expect(deploymentAfter(byEdge, document, { outcome: "unchanged", rev: 7 }, true)).toMatchObject({
      state: "refused",
      source_version: 4,
    });
  });

  test("does not change for what was compiled from less", () => {
    expect(deploymentAfter(refused, document, { outcome: "stale", rev: 7 }, true)).toBeUndefined();
  });
});
