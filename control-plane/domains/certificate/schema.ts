// A certificate as a customer writes it and reads it. A private key is written and never read.
import { z } from "zod";
import { pageQuery } from "../../database/paging.ts";
import { givenId } from "../../http/given-id.ts";
import { lineOfText } from "../../http/plain-text.ts";
import { revocationReasons } from "./jobs.ts";

const CHAIN_BYTES_MAX = 64 * 1024;
const KEY_BYTES_MAX = 16 * 1024;
const DOMAINS_MAX = 100;

const statuses = ["pending", "active", "failed", "revoked"] as const;
const keyTypes = ["ecdsa", "rsa"] as const;

const name = lineOfText(100);
const certificate = z
  .string()
  .max(CHAIN_BYTES_MAX)
  .meta({ description: "PEM. The certificates that follow it may stand behind it, or in `chain`." });
const privateKey = z.string().max(KEY_BYTES_MAX).meta({
  description: "PEM, without a passphrase. It is sealed, sent to the edges that need it, and never read back.",
});
const chain = z.string().max(CHAIN_BYTES_MAX).meta({
  description: "PEM of the authority's certificates in any order; of an authority of your own, the root too.",
});

const PAIR_PEM = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n";

export const createCertificateInput = z
  .strictObject({
    name: name.optional().meta({ description: "A name of your own. Default: the first domain." }),
    certificate: certificate.optional(),
    private_key: privateKey.optional(),
    chain: chain.optional(),
    automatic: z.boolean().default(false).meta({
      description: "True: it is got from the authority and renewed. False: it is what you send.",
    }),
    domains: z
      .array(z.string().min(1).max(253))
      .min(1, { error: "must name a host." })
      .max(DOMAINS_MAX)
      .optional()
      .meta({ description: "Of an automatic one: what it is for. `*.` at the front stands for one label." }),
    key_type: z
      .enum(keyTypes)
      .optional()
      .meta({ description: "Of an automatic one: ecdsa (P-256, the default) or rsa (2048 bits)." }),
  })
  .superRefine((input, context) => {
    const fields = input.automatic
      ? ({ needed: ["domains"], strange: ["certificate", "private_key", "chain"] } as const)
      : ({ needed: ["certificate", "private_key"], strange: ["domains", "key_type"] } as const);
    const told = `when automatic is ${input.automatic}.`;
    for (const field of fields.needed) {
      if (input[field] === undefined)
        context.addIssue({ code: "custom", path: [field], message: `is required ${told}` });
    }
    for (const field of fields.strange) {
      if (input[field] !== undefined)
        context.addIssue({ code: "custom", path: [field], message: `must be absent ${told}` });
    }
  })
  .meta({
    id: "CertificateInput",
    examples: [
      { name: "shop", domains: ["shop.example.com", "*.shop.example.com"], automatic: true },
      {
        name: "shop",
        certificate: PAIR_PEM,
        private_key: "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n",
      },
    ],
  });
export type CreateCertificateInput = z.output<typeof createCertificateInput>;

export const patchCertificateInput = z
  .strictObject({ name, certificate, private_key: privateKey, chain })
  .partial()
  .superRefine((input, context) => {
    const isUpload = input.certificate !== undefined || input.chain !== undefined || input.private_key !== undefined;
    if (!isUpload) return;
    for (const field of ["certificate", "private_key"] as const) {
      if (input[field] === undefined)
        context.addIssue({ code: "custom", path: [field], message: "is required when another certificate is sent." });
    }
  })
  .meta({ id: "CertificatePatch", examples: [{ name: "Shop 2027" }] });
export type PatchCertificateInput = z.output<typeof patchCertificateInput>;

export const revokeCertificateInput = z
  .strictObject({
    reason: z.enum(revocationReasons).default("unspecified"),
    reissue: z
      .boolean()
      .default(true)
      .meta({
        description:
          "True: another one is got first, and this one is revoked when that is on the edges. False: it is revoked at once, " +
          "and its hosts are served without it.",
      }),
  })
  .meta({ id: "CertificateRevocation", examples: [{ reason: "key_compromise", reissue: true }] });
export type RevokeCertificateInput = z.output<typeof revokeCertificateInput>;

const example = {
  id: "3f6e1a7c-9b2d-4c58-8f10-6a5b4c3d2e1f",
  name: "shop",
  domains: ["shop.example.com", "*.shop.example.com"],
  automatic: true,
  key_type: "ecdsa",
  status: "active",
  status_reason: null,
  issuer: "E7",
  serial: "04a1b2c3d4e5f60718293a4b5c6d7e8f9012",
  fingerprint: "5f1c2d3e4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
  not_before: "2026-11-20T11:00:00.000Z",
  not_after: "2027-02-18T11:00:00.000Z",
  renew_at: "2027-01-19T11:00:00.000Z",
  created_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
  updated_by: "4c5d6e7f-8a9b-4c0d-8e1f-2a3b4c5d6e7f",
  created_at: "2026-11-20T12:00:00.000Z",
  updated_at: "2026-11-20T12:00:00.000Z",
} as const;

export const certificateReply = z
  .object({
    id: z.uuid(),
    name: z.string(),
    domains: z.array(z.string()).meta({ description: "What it is for, in lower-case ASCII." }),
    automatic: z.boolean(),
    key_type: z.enum(keyTypes),
    status: z.enum(statuses).meta({
      description:
        "`pending`: none was issued yet. `active`: edges show it. `failed`: status_reason says why there is none. `revoked`: " +
        "edges show it no more.",
    }),
    status_reason: z.string().nullable().meta({ description: "What is wrong, or waited for, and what mends it." }),
    issuer: z.string().nullable(),
    serial: z.string().nullable(),
    fingerprint: z.string().nullable().meta({ description: "SHA-256 of the certificate, in hex." }),
    not_before: z.string().nullable(),
    not_after: z.string().nullable(),
    renew_at: z
      .string()
      .nullable()
      .meta({
        description:
          "When the next one is asked for. Null: an order is under way (status_reason says what it waits for), or nobody " +
          "renews it.",
      }),
    created_by: z.uuid().nullable(),
    updated_by: z.uuid().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .meta({ id: "Certificate", examples: [example] });
export type CertificateReply = z.input<typeof certificateReply>;

export const certificateParams = z.object({ id: givenId });

export const listCertificatesQuery = z.object({ ...pageQuery, status: z.enum(statuses).optional() });
export type ListCertificatesQuery = z.output<typeof listCertificatesQuery>;
