// What a validation tells: per check what was found where, what was expected, and the records that would mend it.
import { z } from "zod";
import { proofs } from "./rules.ts";

const exampleRecord = { type: "CNAME", name: "www.example.com", value: "6f1c2d3e4b5a.cdn.example.net" } as const;

export const dnsRecord = z
  .object({
    type: z.enum(["CNAME", "A", "AAAA", "TXT"]),
    name: z.string(),
    value: z.string(),
  })
  .meta({ id: "DnsRecord", examples: [exampleRecord] });
export type DnsRecord = z.output<typeof dnsRecord>;

const finding = z
  .object({
    at: z.string().meta({ description: "The resolver that said so; for HTTP, the address that was asked." }),
    type: z.enum(["CNAME", "A", "AAAA", "TXT", "HTTP"]),
    name: z.string(),
    values: z.array(z.string()).meta({ description: "Empty: there is none." }),
    fault: z.string().nullable().meta({ description: "Why there is no answer." }),
  })
  .meta({ id: "ValidationFinding" });
export type Finding = z.output<typeof finding>;

export const checkReport = z
  .object({
    check: z.enum(["pointing", "ownership", "acme"]).meta({
      description:
        "`pointing`: the domain leads to the edges. `ownership`: DNS proves whose it is. `acme`: a certificate authority " +
        "would be answered by the edges.",
    }),
    status: z.enum(["passed", "failed", "unknown", "not_needed"]),
    detail: z.string().meta({ description: "In words, with what to do." }),
    expected: z.array(z.string()).meta({ description: "Any one of these would do." }),
    found: z.array(finding),
    records_to_add: z.array(dnsRecord).meta({ description: "Empty when there is nothing to mend in DNS." }),
  })
  .meta({ id: "ValidationCheck" });
export type CheckReport = z.output<typeof checkReport>;

const standings = ["valid", "not_pointing", "not_served", "unreachable", "changing", "unknown"] as const;

/** What is kept of the newest look. */
export const reportSchema = z.object({
  status: z.enum(standings),
  detail: z.string(),
  checks: z.array(checkReport),
});
export type Report = z.output<typeof reportSchema>;

const exampleValidation = {
  distribution_id: "0d9b8c7a-6e5f-4d3c-9b2a-1f0e9d8c7b6a",
  domain: "www.example.com",
  status: "not_pointing",
  detail: "www.example.com does not lead here: add the record that the check names.",
  is_cname_valid: false,
  is_acme_challenge_valid: false,
  is_serving: true,
  proof: "none",
  renewal: "allowed",
  checked_at: "2026-11-20T12:00:00.000Z",
  next_check_at: "2026-11-20T12:01:00.000Z",
  pointing_since: null,
  away_since: null,
  checks: [
    {
      check: "pointing",
      status: "failed",
      detail: "There is no CNAME, and no address of an edge.",
      expected: ["CNAME 6f1c2d3e4b5a.cdn.example.net"],
      found: [{ at: "192.0.2.53", type: "CNAME", name: "www.example.com", values: [], fault: null }],
      records_to_add: [exampleRecord],
    },
  ],
} as const;

const time = z.string().nullable();

export const validationReply = z
  .object({
    distribution_id: z.uuid(),
    domain: z.string(),
    status: z.enum(standings).meta({
      description:
        "`valid`: all is well. `not_pointing`: the domain does not lead here. `not_served`: it is served for another " +
        "account, until it is proven to be yours. `unreachable`: it leads here, but a certificate authority would not get " +
        "its answer. `changing`: resolvers do not agree yet. `unknown`: nobody has looked yet, or no resolver answered.",
    }),
    detail: z.string().meta({ description: "The same in words." }),
    is_cname_valid: z.boolean(),
    is_acme_challenge_valid: z.boolean(),
    is_serving: z.boolean().meta({ description: "False: the domain is served for another account." }),
    proof: z.enum(proofs).meta({
      description: "What DNS proves: a CNAME to this distribution's own target counts more than a TXT token.",
    }),
    renewal: z.enum(["allowed", "stopped"]).meta({
      description:
        "`stopped`: it has been away for too long, or is another's; certificates are got again once it is back.",
    }),
    checked_at: time,
    next_check_at: time.meta({ description: "Null: it needs no look." }),
    pointing_since: time,
    away_since: time,
    checks: z.array(checkReport),
  })
  .meta({ id: "Validation", examples: [exampleValidation] });
export type ValidationReply = z.input<typeof validationReply>;
