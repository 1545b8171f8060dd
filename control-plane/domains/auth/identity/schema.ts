// What a person logs in with besides a password, on the wire.
import { z } from "zod";

const anIdentity = {
  id: "2f6f5c1e-9d0b-4c39-8f7a-1c1f1d0f5a10",
  kind: "ethereum" as const,
  issuer: "eip155",
  subject: "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
  created_at: "2026-03-01T12:00:00.000Z",
};

export const identityReply = z
  .object({
    id: z.uuid(),
    kind: z.enum(["ethereum", "openid"]),
    issuer: z.string().meta({ description: "Of OpenID Connect the issuer's URL; eip155 for wallets." }),
    subject: z.string().meta({ description: "The wallet's address, or the issuer's id of the person." }),
    created_at: z.string(),
  })
  .meta({ id: "Identity", examples: [anIdentity] });
export type IdentityReply = z.input<typeof identityReply>;

export const identityList = z
  .object({ data: z.array(identityReply) })
  .meta({ id: "Identities", examples: [{ data: [anIdentity] }] });
