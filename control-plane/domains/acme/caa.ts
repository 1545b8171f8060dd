// Looks up the CAA records that count for a name: an authority that they forbid is not asked at all.
import type { Resolver } from "../../../platform/dns/resolver.ts";
import { type Asker, caaRefusal, climb } from "./caa-rules.ts";

/** Thrown when nobody says what the records are: that may be otherwise in a moment. */
export class CaaUnknown extends Error {
  override readonly name = "CaaUnknown";
}

/** Why the name's CAA records forbid it; undefined: they do not. */
export async function findCaaRefusal(
  resolver: Resolver,
  asker: Asker,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const at of climb(asker.name)) {
    const answer = await resolver.resolve(at, "CAA", { signal });
    if (answer.kind === "found") return caaRefusal(answer.values, at, asker);
    // RFC 8659 §3: who cannot look must not issue, so the authority would refuse.
    if (answer.kind === "failed")
      throw new CaaUnknown(
        `The CAA records of ${at} could not be looked up at ${answer.resolver} (${answer.reason}): its name servers must answer that question, if only with nothing.`,
      );
  }
  return undefined;
}
