// Access-log lines as an edge writes them. Tests only.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { AccessLogLine } from "./line.ts";

const someone = { account: randomUUID(), distribution: randomUUID() };

export function line(changes: Partial<AccessLogLine> = {}): AccessLogLine {
  return {
    time: (Date.now() / 1000).toFixed(3),
    request_id: randomBytes(16).toString("hex"),
    ...someone,
    host: "www.example.com",
    method: "GET",
    path: "/a.jpg",
    query: "",
    status: 200,
    cache_status: "HIT",
    bytes_out: 1000,
    bytes_in: 100,
    origin_bytes: 0,
    fetched_bytes: 0,
    duration_ms: 2,
    origin_ms: null,
    ttfb_ms: 0,
    protocol: "HTTP/2.0",
    tls: "TLSv1.3",
    content_type: "image/jpeg",
    referrer_host: "",
    user_agent: "curl/8",
    weight: 1,
    client: "198.51.100.7",
    ...changes,
  };
}

/** The bytes of a batch and an id that goes with them. */
export function batchOf(lines: readonly (AccessLogLine | string)[]): { id: string; body: Buffer } {
  const body = Buffer.from(lines.map((each) => `${typeof each === "string" ? each : JSON.stringify(each)}\n`).join(""));
  return { id: createHash("sha256").update(randomUUID()).update(body).digest("hex"), body };
}
