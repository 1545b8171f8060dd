import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Caller, noRequest } from "./caller.ts";
import { rememberCallers } from "./remember-callers.ts";
import type { Credentials } from "./request-facts.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

let asked = 0;
let stamp: number | undefined = 1;
const { account } = rememberCallers(
  {
    async account({ header }: Credentials): Promise<Caller> {
      asked += 1;
      const who = { userId: header("authorization") ?? "", accountId: header("x-account-id") ?? "first" };
      return { ...who, accountRole: "owner", platformRole: "user", scopes: "all", ...noRequest };
    },
  },
  () => stamp,
);

function ask(authorization: string, accountId?: string, requestId = "r1") {
  const headers: Record<string, string | undefined> = { authorization, "x-account-id": accountId };
  const signal = AbortSignal.timeout(1000);
  return account({ header: (name) => headers[name], requestId, clientAddress: "192.0.2.1", signal });
}

test("a caller is asked about once while nothing changes, and each request keeps its own id", async () => {
  const before = asked;
  await ask("ada");
  expect(await ask("ada", undefined, "r2")).toMatchObject({
    userId: "ada",
    requestId: "r2",
    clientAddress: "192.0.2.1",
  });
  expect(asked - before).toBe(1);
});

test("another token or another account is another caller", async () => {
  const before = asked;
  await ask("grace");
  expect(await ask("grace", "second")).toMatchObject({ accountId: "second" });
  expect(await ask("linus")).toMatchObject({ userId: "linus" });
  expect(asked - before).toBe(3);
});

test.each([
  [
    "something that callers are made of has changed",
    () => {
      stamp = 2;
    },
  ],
  ["a second has passed", () => void vi.advanceTimersByTime(1001)],
  [
    "nothing may be kept",
    () => {
      stamp = undefined;
    },
  ],
])("it is asked about again when %s", async (_when, happens) => {
  stamp = 1;
  await ask("barbara");
  const before = asked;
  happens();
  await ask("barbara");
  expect(asked - before).toBe(1);
});
