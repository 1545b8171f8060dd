// Who gets a letter. No input or output.
import { z } from "zod";

export const recipientsSchema = z.object({
  /** The account's owners and admins. */
  inCharge: z.boolean(),
  /** Members besides, whatever their role. */
  userIds: z.array(z.string()),
});
export interface Recipients {
  readonly inCharge: boolean;
  readonly userIds: readonly string[];
}

export interface Reader {
  readonly userId: string;
  readonly isInCharge: boolean;
}

/** Null: the owners and admins. */
export function isFor(recipients: Recipients | null, { userId, isInCharge }: Reader): boolean {
  if (recipients === null) return isInCharge;
  return (recipients.inCharge && isInCharge) || recipients.userIds.includes(userId);
}

export function isNobody(recipients: Recipients | null): boolean {
  return recipients !== null && !recipients.inCharge && recipients.userIds.length === 0;
}
