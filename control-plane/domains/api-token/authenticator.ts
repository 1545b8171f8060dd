// Lets API tokens stand where the tokens of sessions do.
import { LRUCache } from "lru-cache";
import type { Authentication } from "../../http/authorize.ts";
import type { Caller, PlatformRole } from "../../http/caller.ts";
import { forbidden, unauthorized } from "../../http/problems.ts";
import type { Credentials } from "../../http/request-facts.ts";
import type { Memberships } from "../account/index.ts";
import type { LastUse } from "./last-use.ts";
import type { KnownToken, TokenReads } from "./reads.ts";
import { hashOf, isMeantAsToken, isToken } from "./rules.ts";

/** What a token is worth is asked at each request; who answers may have it in memory. */
export interface TokenSources {
  readonly tokens: TokenReads;
  readonly memberships: Memberships;
  /** Throws when the person may do nothing at present. */
  findPerson(userId: string): Promise<{ readonly platformRole: PlatformRole } | undefined>;
}

type OfPeople = Pick<Authentication, "account" | "user" | "tokenIdOf">;

const SHOWN_MAX = 10_000;
const SHOWN_TTL_MS = 60_000;
const NOT_GOOD = "The API token is not good, or not any more: make another one.";

export function acceptApiTokens(
  people: OfPeople,
  { sources, lastUse, clock }: { sources: TokenSources; lastUse: Pick<LastUse, "note">; clock: () => Date },
): OfPeople {
  /** Tokens that were good a moment ago, by their hashes. */
  const shown = new LRUCache<string, string>({ max: SHOWN_MAX, ttl: SHOWN_TTL_MS });

  async function recognise(token: string): Promise<Omit<Caller, "requestId" | "clientAddress">> {
    if (!isToken(token)) throw unauthorized(NOT_GOOD);
    const hash = hashOf(token);
    const found = await sources.tokens.find(hash);
    if (found === undefined || !isLive(found, clock())) throw unauthorized(NOT_GOOD);
    const { userId, accountId } = found;
    const [membership, person] = await Promise.all([
      sources.memberships.find({ userId, accountId }),
      sources.findPerson(userId),
    ]);
    if (membership?.id !== found.membershipId || person === undefined) throw unauthorized(NOT_GOOD);
    shown.set(hash, found.id);
    lastUse.note(found.id);
    const { platformRole } = person;
    return {
      ...{ userId, accountId, accountRole: membership.role, platformRole, scopes: found.scopes },
      apiTokenId: found.id,
    };
  }

  return {
    async account(credentials) {
      const token = apiTokenOf(credentials);
      if (token === undefined) return people.account(credentials);
      const caller = await recognise(token);
      assertItsAccount(credentials, caller.accountId);
      const { requestId, clientAddress } = credentials;
      return { ...caller, requestId, clientAddress };
    },
    async user(credentials) {
      const token = apiTokenOf(credentials);
      if (token === undefined) return people.user(credentials);
      await recognise(token);
      throw forbidden("This takes the session of a person: log in. An API token does not do.");
    },
    async tokenIdOf(credentials) {
      const token = apiTokenOf(credentials);
      return token === undefined ? people.tokenIdOf?.(credentials) : shown.get(hashOf(token));
    },
  };
}

function apiTokenOf({ header }: Credentials): string | undefined {
  const token = /^Bearer (\S+)$/i.exec(header("authorization") ?? "")?.[1];
  return token !== undefined && isMeantAsToken(token) ? token : undefined;
}

function isLive(token: KnownToken, now: Date): boolean {
  return token.revokedAt === null && (token.expiresAt === null || token.expiresAt > now);
}

/** A token acts for the account that it was made in. */
function assertItsAccount({ header }: Credentials, accountId: string): void {
  const named = header("x-account-id");
  if (named === undefined || named.toLowerCase() === accountId) return;
  throw forbidden("The API token is for another account than X-Account-Id names.");
}
