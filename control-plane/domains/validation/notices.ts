// What an account is told of its names: what happened, and what to do. Who else is concerned is never told.
import type { Tx } from "../../database/transaction.ts";
import type { HeldClaim } from "../distribution/index.ts";
import { notify } from "../notification/index.ts";
import { RENEWALS_STOP_AFTER_DAYS } from "./rules.ts";

type DomainEvent = "domain.pointing" | "domain.not-pointing" | "domain.won" | "domain.lost";

export async function tell(tx: Tx, event: DomainEvent, claim: HeldClaim, now: Date): Promise<void> {
  const { accountId, name, distributionId, cname } = claim;
  const data = { domain: name, distribution_id: distributionId, cname };
  await notify(tx, { accountId, event, ...letters[event](name, cname), data, now });
}

const letters: Readonly<Record<DomainEvent, (name: string, cname: string) => { subject: string; text: string }>> = {
  "domain.pointing": (name) => ({
    subject: `${name} leads here again`,
    text: `${name} leads to the edges again. Nothing needs to be done: its certificates are renewed as before.`,
  }),
  "domain.not-pointing": (name, cname) => ({
    subject: `${name} no longer leads here`,
    text: [
      `${name} has not led to the edges for a day. It is still served here, but viewers do not come here.`,
      `If that was not meant, restore its DNS record: ${name} CNAME ${cname}`,
      `After ${RENEWALS_STOP_AFTER_DAYS} days away its certificates are no longer renewed. Nothing is deleted, and once it is back all goes on.`,
    ].join("\n\n"),
  }),
  "domain.won": (name) => ({
    subject: `${name} is served for your account`,
    text: `DNS proves that ${name} is yours: it is served by your distribution from now on.`,
  }),
  "domain.lost": (name, cname) => ({
    subject: `${name} is no longer served for your account`,
    text: [
      `Another account has proven by DNS that ${name} is theirs, so it is served for them from now on. Your distribution is still there, under ${cname}.`,
      "If the name is yours, look at the distribution's validation: it names the DNS record that proves it.",
    ].join("\n\n"),
  }),
};
