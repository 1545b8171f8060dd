// API tokens: what programs act by, for a member of an account, with the lower of the member's role and the token's scopes.
import { randomBytes, randomUUID } from "node:crypto";
import { type FieldFault, Problem } from "../../../platform/problem.ts";
import type { PageQuery } from "../../database/paging.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { type Caller, hasRole, type Scope, scopes } from "../../http/caller.ts";
import { forbidden, invalidRequest } from "../../http/problems.ts";
import { findMembership } from "../account/index.ts";
import { differences, recordAudit } from "../audit/index.ts";
import { tooManyApiTokens, unknownApiToken } from "./problems.ts";
import { type ApiTokenRow, findApiToken, findApiTokens } from "./read-model.ts";
import { hashOf, TOKEN_BYTES, tokenOf } from "./rules.ts";
import type { ApiTokenInput } from "./schema.ts";
import { countLiveApiTokens, insertApiToken, lockApiToken, revokeApiToken } from "./store.ts";

const PER_MEMBER_MAX = 50;
const DAY_MS = 24 * 60 * 60 * 1000;

export type ApiTokenService = ReturnType<typeof createApiTokenService>;

export function createApiTokenService({
  db,
  clock,
  daysMax,
}: {
  db: Database;
  clock: () => Date;
  /** How long a token may live at most; undefined: as long as its maker likes, without an end too. */
  daysMax: number | undefined;
}) {
  async function create(caller: Caller, input: ApiTokenInput): Promise<{ row: ApiTokenRow; token: string }> {
    const faults = [...scopeFaults(caller, input.scopes), ...expiryFaults(input.expires_at, clock(), daysMax)];
    if (faults.length > 0) throw invalidRequest(faults);

    const token = tokenOf(randomBytes(TOKEN_BYTES));
    const row = await inTransaction(db, async (tx) => {
      const { userId, accountId } = caller;
      const membership = await findMembership(tx, { userId, accountId });
      if (membership === undefined) throw forbidden("You do not belong to this account any more.");
      const now = clock();
      if ((await countLiveApiTokens(tx, membership.id, now)) >= PER_MEMBER_MAX) {
        throw new Problem(tooManyApiTokens, `One member has up to ${PER_MEMBER_MAX} in an account: revoke one first.`);
      }
      const id = randomUUID();
      const made = {
        name: input.name,
        scopes: scopes.filter((scope) => input.scopes.includes(scope)),
        expiresAt: input.expires_at === null ? null : new Date(input.expires_at),
      };
      await insertApiToken(tx, {
        ...{ id, userId, accountId, membershipId: membership.id, ...made, tokenHash: hashOf(token) },
        ...{ createdAt: now, lastUsedAt: null, revokedAt: null },
      });
      const changes = differences({}, { ...made, expiresAt: undefined, expires_at: made.expiresAt?.toISOString() });
      await recordAudit(tx, caller, { action: "api_token.create", ...auditedAs(caller, id), changes });
      return (await findApiToken(tx, { accountId, userId }, id)) ?? noToken();
    });
    return { row, token };
  }

  async function list(caller: Caller, page: PageQuery): Promise<readonly ApiTokenRow[]> {
    return findApiTokens(db, inReachOf(caller), page);
  }

  async function get(caller: Caller, id: string): Promise<ApiTokenRow> {
    return (await findApiToken(db, inReachOf(caller), id)) ?? noToken();
  }

  /** A token that leaked may be ended by whoever finds it, and stops no other program. */
  async function revoke(caller: Caller, id: string): Promise<void> {
    if (caller.apiTokenId !== null && caller.apiTokenId !== id) {
      throw forbidden("An API token ends no other than itself: log in to end this one.");
    }
    await inTransaction(db, async (tx) => {
      // The lock comes first: of two who revoke it, the second finds it gone.
      const token = (await lockApiToken(tx, id)) ?? noToken();
      const { name } = (await findApiToken(tx, inReachOf(caller), id)) ?? noToken();
      await revokeApiToken(tx, token, clock());
      const changes = differences({ name, scopes: token.scopes }, {});
      await recordAudit(tx, caller, { action: "api_token.revoke", ...auditedAs(caller, id), changes });
    });
  }

  return { create, list, get, revoke };
}

/** Members see and end their own tokens, admins those of everybody in the account. */
function inReachOf({ accountId, accountRole, userId }: Caller): { accountId: string; userId: string | undefined } {
  return { accountId, userId: hasRole(accountRole, "admin") ? undefined : userId };
}

function scopeFaults(caller: Caller, asked: readonly Scope[]): readonly FieldFault[] {
  if (caller.platformRole === "admin") return [];
  return asked.flatMap((scope, index) =>
    scope.startsWith("platform:")
      ? [{ pointer: `/scopes/${index}`, detail: `${scope} is for operators of the platform.` }]
      : [],
  );
}

function expiryFaults(expiresAt: string | null, now: Date, daysMax: number | undefined): readonly FieldFault[] {
  const fault = (detail: string) => [{ pointer: "/expires_at", detail }];
  const within = `at most ${daysMax} days from now`;
  if (expiresAt === null) return daysMax === undefined ? [] : fault(`is required on this platform: ${within}.`);
  const end = new Date(expiresAt).getTime();
  if (end <= now.getTime()) return fault("must lie in the future.");
  if (daysMax !== undefined && end > now.getTime() + daysMax * DAY_MS) return fault(`must be ${within}.`);
  return [];
}

function noToken(): never {
  throw new Problem(unknownApiToken, "There is no such API token of yours in this account.");
}

function auditedAs({ accountId }: Caller, id: string) {
  return { accountId, resourceType: "api_token", resourceId: id };
}
