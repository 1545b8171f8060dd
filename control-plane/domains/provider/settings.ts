// How a provider is asked: its URLs and paths as it documents them, unless an operator says otherwise, and what it knows us by.

import { isIP } from "node:net";
import { z } from "zod";
import { addressClass } from "../../../platform/address.ts";
import { hostOf, mayDial } from "../../../platform/outgoing.ts";
import type { ProviderName } from "./statistics.ts";

export const gcoreSettings = z.object({
  base_url: z.string().default("https://api.gcore.com"),
  paths: z
    .object({
      statistics: z.string().default("/cdn/statistics/series"),
      check: z.string().default("/cdn/resources"),
    })
    .prefault({}),
});
export type GcoreSettings = z.output<typeof gcoreSettings>;

export const tmSwiftSettings = z.object({
  base_url: z.string().default("https://base-api.swiftfederation.com"),
  delivery_url: z.string().default("https://cdn-api.swiftfederation.com"),
  customer_id: z.string(),
  paths: z
    .object({
      volume: z.string().default("/v1.1/report/volume"),
      hit_volume: z.string().default("/v1.0/report/hit_volume"),
      hit_requests: z.string().default("/v1.0/report/hit_request_number"),
      origin_codes: z.string().default("/v1.0/report/origin_http_codes"),
      check: z.string().default("/v1.1/customer/{customer_id}"),
    })
    .prefault({}),
});
export type TmSwiftSettings = z.output<typeof tmSwiftSettings>;

export const gcoreCredentials = z.object({ api_token: z.string() });
export type GcoreCredentials = z.output<typeof gcoreCredentials>;

export const tmSwiftCredentials = z.object({ key_id: z.string(), key_secret: z.string() });
export type TmSwiftCredentials = z.output<typeof tmSwiftCredentials>;

/** As people call them. */
export const titles: Readonly<Record<ProviderName, string>> = { gcore: "Gcore", tm_swift: "TM Swift" };

export interface UrlPolicy {
  readonly allowPrivateOrigins: boolean;
}

/** What is wrong with a URL that a provider is to be asked at; undefined: nothing. */
export function urlFault(text: string, policy: UrlPolicy): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") return "must be a URL such as https://api.example.com.";
  if (url.protocol === "http:" && !policy.allowPrivateOrigins) {
    return "must begin with https: credentials are sent there.";
  }
  if (url.username !== "" || url.password !== "") return "must not carry a user or a password.";
  if (text !== url.origin)
    return `must be a scheme, a host and perhaps a port alone: ${url.origin}. Paths have settings.`;
  if (url.port === "0") return "must name a port from 1 to 65535.";
  const host = hostOf(url);
  const isLocal = host === "localhost" || host.endsWith(".localhost");
  if (isLocal && !policy.allowPrivateOrigins) return PRIVATE;
  if (isIP(host) === 0) return undefined;
  if (addressClass(host) === "never") return "points at an address that no provider may have.";
  return mayDial(host, policy) ? undefined : PRIVATE;
}

const PRIVATE = "points at a private address; this platform asks public ones only.";
