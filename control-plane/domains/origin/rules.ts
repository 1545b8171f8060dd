// What an origin's URL says, and which faults it can have. No input or output.
import { isIP } from "node:net";
import { addressClass } from "../../../platform/address.ts";
import type { FieldFault } from "../../../platform/problem.ts";
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
  const url = URL.canParse(input.url) ? new URL(input.url) : undefined;
  const protocol = url?.protocol === "http:" ? "http" : url?.protocol === "https:" ? "https" : undefined;
  if (url === undefined || protocol === undefined) {
    return [
      { pointer: `${at}/url`, detail: "must be a URL such as https://origin.example.com or http://203.0.113.7:8080." },
    ];
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? DEFAULT_PORTS[protocol] : Number(url.port);
  const faults: FieldFault[] = [];
  if (url.username !== "" || url.password !== "") {
    faults.push({ pointer: `${at}/url`, detail: "must not carry a user or a password." });
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    faults.push({
      pointer: `${at}/url`,
      detail: "must end after the host and port: an origin has no path of its own.",
    });
  }
  if (port === 0) faults.push({ pointer: `${at}/url`, detail: "must name a port from 1 to 65535." });
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
