// Before a certificate authority is asked: does the name lead here, and is it this account's? What would fail there costs
// its limits, and edges answer challenges for every host, so that nobody but us asks whose a name is.
import type { Reads } from "../../database/transaction.ts";
import { delegationTarget } from "../certificate/index.ts";
import { findClaimsOn, findForeignClaim, findTargetOwners } from "../distribution/index.ts";
import type { Look } from "./look.ts";
import { foreignAmong, targetsIn } from "./observation.ts";
import { baseOf, isRenewalStopped, isWildcard, RENEWALS_STOP_AFTER_DAYS } from "./rules.ts";
import { findValidation } from "./store.ts";
import { verdictOn } from "./verdict.ts";

/** `isStopped`: there is no use in trying again by the clock; `certificateWanted` is enqueued when the name is back. */
export type Precheck =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly isStopped: boolean };

export interface PrecheckSettings {
  readonly db: Reads;
  readonly clock: () => Date;
  readonly look: Look;
  readonly zone: string;
}

export function createPrecheck({ db, clock, look, zone }: PrecheckSettings) {
  return async function precheck(
    { accountId, name }: { readonly accountId: string | null; readonly name: string },
    signal: AbortSignal,
  ): Promise<Precheck> {
    // The platform's own zone is its own.
    if (accountId === null) return { ok: true };
    const stopped = await stoppedBecause(accountId, name);
    if (stopped !== undefined) return { ok: false, reason: stopped, isStopped: true };
    // A look settles what it sees: a claim that somebody else has proven meanwhile is theirs before anything is asked for.
    const seen = (await look.look(name, signal)) ?? (await look.see(name, [], signal));
    const lost = await stoppedBecause(accountId, name);
    if (lost !== undefined) return { ok: false, reason: lost, isStopped: true };
    const foreign = foreignAmong(await findTargetOwners(db, targetsIn(seen.observation)), accountId);
    if (foreign.size > 0) {
      const reason = `${name} leads to a target of this platform that is not yours: point it at your distribution's own cname.`;
      return { ok: false, reason, isStopped: false };
    }
    const target = delegationTarget(accountId, name, zone);
    const claimless = { cname: "", token: "", isServing: true, proof: "none" } as const;
    const subject = { ...claimless, name, foreign, delegationTarget: target };
    const { acme, report } = verdictOn(subject, seen);
    if (acme === "yes") return { ok: true };
    const said = report.checks.find(({ check }) => check === "acme")?.detail ?? report.detail;
    // One sentence, with the record in it: it stands alone in the certificate's status.
    const record = `_acme-challenge.${baseOf(name)} CNAME ${target}`;
    const reason = isWildcard(name) ? `${said.replace(/\.$/, "")}: ${record}.` : said;
    return { ok: false, reason, isStopped: false };
  };

  async function stoppedBecause(accountId: string, name: string): Promise<string | undefined> {
    if ((await findForeignClaim(db, { accountId, name })) !== undefined) {
      return `${name} is served for another account; the validation of the distribution says how to prove that it is yours.`;
    }
    const own = (await findClaimsOn(db, [name])).find((claim) => claim.accountId === accountId);
    const kept = own && (await findValidation(db, own.id));
    if (kept === undefined || !isRenewalStopped({ awaySince: kept.away_since }, clock())) return undefined;
    return `${name} has not led here for ${RENEWALS_STOP_AFTER_DAYS} days. Once it does, certificates are got again.`;
  }
}
