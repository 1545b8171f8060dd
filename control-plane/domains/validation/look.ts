// One look at one name: asks the resolvers, asks the addresses that they gave, and settles what follows. The network comes
// first and the transaction afterwards.
import type { Resolver } from "../../../platform/dns/resolver.ts";
import { type Database, inTransaction } from "../../database/transaction.ts";
import { findClaimsOn, findWildcardClaims } from "../distribution/index.ts";
import { valuesOf } from "./observation.ts";
import { observe } from "./observe.ts";
import { type ReachSettings, reach } from "./reach.ts";
import { findEdgeAddresses } from "./read-model.ts";
import { isWildcard } from "./rules.ts";
import type { ValidationSecrets } from "./secrets.ts";
import { settle } from "./settle.ts";
import type { Seen } from "./verdict.ts";

export interface LookSettings {
  readonly db: Database;
  readonly clock: () => Date;
  /** Each is asked, and they must agree. */
  readonly resolvers: readonly Resolver[];
  readonly reach: ReachSettings;
  readonly secrets: () => Promise<ValidationSecrets>;
  readonly zone: string;
}

/** A look that takes longer has found nobody. */
const LOOK_TIMEOUT_MS = 30_000;

export type Look = ReturnType<typeof createLook>;

export function createLook({ db, clock, resolvers, reach: reaching, secrets, zone }: LookSettings) {
  /** What is to be seen of a name from here, now. */
  async function see(name: string, cnames: readonly string[], stop: AbortSignal): Promise<Seen> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(LOOK_TIMEOUT_MS)]);
    const [{ challenge }, edges] = await Promise.all([secrets(), findEdgeAddresses(db)]);
    const observation = await observe(resolvers, { name, cnames, at: clock() }, signal);
    const addresses = observation.views.flatMap(({ ipv4, ipv6 }) => [...valuesOf(ipv4), ...valuesOf(ipv6)]);
    // Certificates of wildcards are got by DNS alone.
    const reached = isWildcard(name) ? [] : await reach(reaching, { host: name, addresses, challenge }, signal);
    return { observation, reached, edges };
  }

  /** What was seen, and has been settled; undefined: nobody claims the name. */
  async function look(name: string, stop: AbortSignal): Promise<Seen | undefined> {
    const claims = [...(await findClaimsOn(db, [name])), ...(await findWildcardClaims(db, name))];
    if (claims.length === 0) return undefined;
    const { tokenOf } = await secrets();
    const seen = await see(
      name,
      claims.map(({ cname }) => cname),
      stop,
    );
    await inTransaction(db, (tx) => settle(tx, { zone, tokenOf }, seen, clock()));
    return seen;
  }

  return { see, look };
}
