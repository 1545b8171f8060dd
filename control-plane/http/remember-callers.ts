// Who asks is found by several cached reads; a busy program asks hundreds of times a second. What they said together is
// kept for a second, and only until one of them is dropped.
import { LRUCache } from "lru-cache";
import type { Authentication } from "./authorize.ts";
import type { Caller } from "./caller.ts";
import type { Credentials } from "./request-facts.ts";

const CALLERS_MAX = 10_000;
const KEPT_FOR_MS = 1_000;

interface KeptCaller {
  readonly caller: Caller;
  readonly stamp: number;
  readonly until: number;
}

/** `stampOf` changes when anything that callers are made of does; undefined: nothing may be kept now. */
export function rememberCallers<Some extends Pick<Authentication, "account">>(
  authentication: Some,
  stampOf: () => number | undefined,
): Some {
  const kept = new LRUCache<string, KeptCaller>({ max: CALLERS_MAX });

  async function account(credentials: Credentials): Promise<Caller> {
    const key = `${credentials.header("authorization")} ${credentials.header("x-account-id") ?? ""}`;
    const stamp = stampOf();
    const known = stamp === undefined ? undefined : kept.get(key);
    if (known !== undefined && known.stamp === stamp && performance.now() < known.until) {
      const { requestId, clientAddress } = credentials;
      return { ...known.caller, requestId, clientAddress };
    }
    const caller = await authentication.account(credentials);
    if (stamp !== undefined) kept.set(key, { caller, stamp, until: performance.now() + KEPT_FOR_MS });
    return caller;
  }

  return { ...authentication, account };
}
