// What an origin's URL says, and which faults it can have. No input or output.
import { isIP } from "node:net";
import { addressClass } from "../../../platform/address.ts";
import type { FieldFault } from "../../../platform/problem.ts";
import { originUrlFaults, parseOriginUrl } from "./origin-url.ts";
import type { OriginInput } from "./schema.ts";

export interface OriginTarget {
  readonly url: string;
  readonly protocol: "http" | "https";
  /** ASCII, lower case, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly hostHeader: string;
}

const DEFAULT_PORTS = { http: 80, https: 443 };

/** The target that the input names, or every fault in it; `at` is the pointer of the origin in the request. */
export function targetOf(
  input: Pick<OriginInput, "port" | "protocol" | "host_header"> & { readonly url: string },
  policy: { allowPrivateOrigins: boolean },
  at: string,
): OriginTarget | readonly FieldFault[] {
  const url = parseOriginUrl(input.url);
  const faults: FieldFault[] = originUrlFaults(input.url).map((detail) => ({ pointer: `${at}/url`, detail }));
  if (url === undefined) return faults;
  const protocol = url.protocol === "http:" ? "http" : "https";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? DEFAULT_PORTS[protocol] : Number(url.port);
  if (input.protocol !== undefined && input.protocol !== protocol) {
    faults.push({ pointer: `${at}/protocol`, detail: `does not agree with the URL, which says ${protocol}.` });
  }
  if (input.port !== undefined && input.port !== port) {
    faults.push({ pointer: `${at}/port`, detail: `does not agree with the URL, which says ${port}.` });
  }
  if (isIP(host) !== 0) {
    const kind = addressClass(host);
    if (kind === "never")
      faults.push({ pointer: `${at}/url`, detail: "points at an address that no origin may have." });
    if (kind === "private" && !policy.allowPrivateOrigins) {
      faults.push({
        pointer: `${at}/url`,
        detail: "points at a private address; this platform allows public origins only.",
      });
    }
  }
  if (faults.length > 0) return faults;
  const hostHeader = input.host_header ?? url.host;
  return { url: url.origin, protocol, host, port, hostHeader };
}

/** The index of the one primary origin: the first that says so, else the first that does not say no. */
export function primaryIndex(inputs: readonly Pick<OriginInput, "is_primary">[]): number {
  const named = inputs.findIndex((input) => input.is_primary === true);
  if (named >= 0) return named;
  return Math.max(
    0,
    inputs.findIndex((input) => input.is_primary === undefined),
  );
}
