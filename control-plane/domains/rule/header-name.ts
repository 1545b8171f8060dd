// Which header fields a customer may write, and what may stand in them. The others belong to HTTP itself or to the edge.
import { z } from "zod";
import { canonical, fault, holdsControl } from "./canonical.ts";

export type Phase = "request" | "response";

const NAME_MAX = 128;
const VALUE_BYTES_MAX = 4000;
// RFC 9110 § 5.6.2
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Lower case, as HTTP/2 has them. */
export const headerName = canonical(z.string().min(1).max(NAME_MAX), (name) =>
  TOKEN.test(name) ? name.toLowerCase() : fault("must be a header name such as x-frame-options."),
);

export const headerValue = canonical(z.string(), (input) => {
  const value = input.trim();
  if (holdsControl(value)) return fault("must not hold line breaks, tabs or other control characters.");
  if (Buffer.byteLength(value) > VALUE_BYTES_MAX) return fault(`must have ${VALUE_BYTES_MAX} bytes at most.`);
  return value;
});

const connection = "belongs to one connection (RFC 9110 § 7.6.1), which is not the customer's.";
const framing = "says how the body is framed, which only its sender knows.";
const chain = "says through whom a message came; the edge writes it.";
const cacheWords = "is how the edge tells what its cache did.";
const conditions = "is a part of the cache's own questions to the origin.";

const reserved: Readonly<Record<string, string>> = {
  connection,
  "keep-alive": connection,
  "http2-settings": connection,
  te: connection,
  upgrade: connection,
  trailer: framing,
  "content-length": framing,
  "transfer-encoding": framing,
  "content-encoding": framing,
  "content-range": framing,
  host: "is set by host_header of the distribution or of an origin.",
  via: chain,
  forwarded: chain,
  "x-real-ip": chain,
  "cdn-loop": "keeps requests from going round in circles; the edge writes it.",
  "x-request-id": "is the edge's own, which log lines are found by.",
  "x-cache": cacheWords,
  "cache-status": cacheWords,
  age: cacheWords,
  expect: "is settled between the viewer and the edge.",
  date: "is the clock of whoever made the answer.",
  "alt-svc": "follows from is_http3 of the distribution.",
};
const reservedBeginnings: Readonly<Record<string, string>> = {
  "x-forwarded-": chain,
  "x-edge-": "is how the hops of the edge speak with each other.",
  "x-accel-": "would steer nginx itself.",
  "proxy-": connection,
  "sec-websocket-": connection,
};
/** Of requests alone: an answer is cut from what is stored whole. */
const reservedInRequests: Readonly<Record<string, string>> = {
  range: conditions,
  "accept-encoding": "is chosen by the edge, which compresses itself.",
};
const reservedBeginningsInRequests: Readonly<Record<string, string>> = { "if-": conditions };

/** Why a rule must not touch this field; undefined: it may. */
export function headerFault(name: string, phase: Phase): string | undefined {
  const ofRequests =
    phase === "request"
      ? (exactly(reservedInRequests, name) ?? beginning(reservedBeginningsInRequests, name))
      : undefined;
  return exactly(reserved, name) ?? beginning(reservedBeginnings, name) ?? ofRequests;
}

function exactly(reasons: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(reasons, name) ? reasons[name] : undefined;
}

function beginning(reasons: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.entries(reasons).find(([text]) => name.startsWith(text))?.[1];
}

const notInKeys: Readonly<Record<string, string>> = {
  cookie: "is named cookie by cookie in `cookies`.",
  host: "tells answers apart already.",
};

/** Why this request header cannot tell answers apart; undefined: it can. */
export function keyHeaderFault(name: string): string | undefined {
  return exactly(notInKeys, name) ?? headerFault(name, "request");
}
