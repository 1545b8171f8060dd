// Sign-In with Ethereum on the wire.
import { z } from "zod";
import { givenPassword } from "../schema.ts";
import { secondFactorFields } from "../totp/schema.ts";

const signed = {
  message: z.string().min(1).max(4096).meta({ description: "As EIP-4361 has it, with the nonce that was asked for." }),
  signature: z.templateLiteral(["0x", z.string().regex(/^[0-9a-fA-F]{130}$/)], {
    error: "must be 65 bytes in hex, with 0x before them.",
  }),
};
export interface SignedMessage {
  readonly message: string;
  readonly signature: `0x${string}`;
}

const aMessage = {
  message:
    "cdn.example.com wants you to sign in with your Ethereum account:\n0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045\n\n\n" +
    "URI: https://cdn.example.com\nVersion: 1\nChain ID: 1\nNonce: 32891756a1b2c3d4\nIssued At: 2026-03-01T12:00:00.000Z",
  signature: `0x${"1b".repeat(65)}`,
} as const;

export const nonceReply = z
  .object({
    nonce: z.string(),
    expires_at: z.string(),
    domain: z.string(),
    uri: z.string(),
    chain_id: z.int(),
    version: z.literal("1"),
  })
  .meta({
    id: "EthereumNonce",
    description: "What must stand in the message. The nonce is good once.",
    examples: [
      {
        nonce: "32891756a1b2c3d4",
        expires_at: "2026-03-01T12:05:00.000Z",
        domain: "cdn.example.com",
        uri: "https://cdn.example.com",
        chain_id: 1,
        version: "1",
      },
    ],
  });

export const ethereumLoginInput = z
  .strictObject({ ...signed, ...secondFactorFields })
  .meta({ id: "EthereumLogin", examples: [aMessage] });
export type EthereumLoginInput = z.output<typeof ethereumLoginInput>;

export const ethereumLinkInput = z
  .strictObject({
    ...signed,
    password: givenPassword.optional().meta({ description: "Left out only by who has none." }),
  })
  .meta({ id: "EthereumLink", examples: [{ ...aMessage, password: "correct-horse-1" }] });
export type EthereumLinkInput = z.output<typeof ethereumLinkInput>;
