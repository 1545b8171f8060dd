// A row of the table access_log: what is kept of a line. Made by the control plane, or by an agent that writes to ClickHouse
// itself.

/** Our own edges, beside the providers whose statistics are fetched. */
export const OWN_PROVIDER = "gotipath";

/** Times are unix seconds with milliseconds, as ClickHouse reads a DateTime64. */
export interface AccessLogRow {
  /** When it happened: the edge's time, or that of arrival where the edge's is not to be believed. */
  readonly time: string;
  readonly edge_time: string;
  readonly received_at: string;
  readonly edge_id: string;
  readonly provider: string;
  readonly batch_id: string;
  /** From 1 on: which line of the batch. */
  readonly batch_line: number;
  /** 32 hex digits. */
  readonly request_id: string;
  readonly account_id: string;
  readonly distribution_id: string;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly status: number;
  readonly cache_status: string;
  readonly bytes_out: number;
  readonly bytes_in: number;
  readonly origin_bytes: number;
  readonly duration_ms: number;
  /** Null: no origin was asked. */
  readonly origin_ms: number | null;
  readonly ttfb_ms: number;
  readonly protocol: string;
  readonly tls: string;
  /** Two letters; empty when nobody knows. */
  readonly country: string;
  /** 0: nobody knows. */
  readonly asn: number;
  readonly referrer_host: string;
  readonly user_agent_family: string;
  readonly content_kind: string;
  /** A UInt64 in decimal digits: tells visitors of one day apart. The address itself is never stored. */
  readonly client_hash: string;
  readonly weight: number;
}

/** What a row says of the batch that it came in. */
export interface LogBatch {
  /** 64 hex digits. */
  readonly id: string;
  readonly edgeId: string;
  readonly receivedAt: Date;
}
