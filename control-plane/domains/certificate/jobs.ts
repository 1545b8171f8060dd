// What follows when certificates are wanted, have changed or are wanted no longer: others issue, revoke and deploy them.
import { z } from "zod";
import { defineJob } from "../../jobs/define-job.ts";

/** RFC 5280 §5.3.1, as far as subscribers may give a reason. */
export const revocationReasons = ["unspecified", "key_compromise", "superseded", "cessation_of_operation"] as const;

export const revocationSchema = z.object({
  /** PEM of the certificate itself: the row may hold the next one by then. */
  leaf: z.string(),
  reason: z.enum(revocationReasons),
});
export type Revocation = z.output<typeof revocationSchema>;

/** An automatic certificate is to be issued now: it is new, its owner asks for another, or its name begins to point here. */
export const certificateWanted = defineJob({
  name: "certificate.wanted",
  payload: z.object({ certificate_id: z.uuid() }),
});

/** Nobody needs it any more, so its orders end; with `revoke`, the authority is to take this one back. */
export const certificateUnwanted = defineJob({
  name: "certificate.unwanted",
  payload: z.object({ certificate_id: z.uuid(), revoke: revocationSchema.nullable() }),
});

/** Edges are to show another chain, or none: whatever uses it is deployed anew, a page at a time. */
export const certificateChanged = defineJob({
  name: "certificate.changed",
  payload: z.object({ certificate_id: z.uuid(), after: z.uuid().nullable().default(null) }),
});
