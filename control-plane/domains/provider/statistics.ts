// What a provider tells of its traffic, as all of them tell it here: sums per resource and five minutes.

export const BUCKET_MS = 5 * 60 * 1000;

export const providerNames = ["gcore", "tm_swift"] as const;
export type ProviderName = (typeof providerNames)[number];

/** What a provider does not tell stays 0. */
export interface Sums {
  readonly requests: number;
  readonly hits: number;
  readonly bytesOut: number;
  readonly hitBytes: number;
  readonly originRequests: number;
  readonly originBytes: number;
  /** Answers by the first digit of their status, from 1 to 5. */
  readonly byStatusClass: readonly [number, number, number, number, number];
}

export interface Statistic extends Sums {
  readonly resource: string;
  /** The beginning of its five minutes. */
  readonly time: Date;
}

export interface Asked {
  readonly resources: readonly string[];
  /** Both on the border of five minutes. */
  readonly from: Date;
  readonly to: Date;
}

/** How one provider is asked. Both throw ProviderError. */
export interface ProviderApi {
  /** The most that one request may ask for. */
  readonly resourcesMax: number;
  readonly periodMaxMs: number;
  /** What it tells of these; a bucket that it does not name is not told of. */
  statistics(asked: Asked, signal: AbortSignal): Promise<readonly Statistic[]>;
  /** A harmless request that only works with good credentials. */
  check(signal: AbortSignal): Promise<void>;
}

/** `passing`: it may work the next time. `refused`: what was asked for. `denied`: who asks, so nothing else will work either. */
export type ProviderFault = "passing" | "refused" | "denied";

/** Its message says in words what is wrong, for operators. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  readonly fault: ProviderFault;
  /** When the provider itself said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    fault: ProviderFault,
    message: string,
    { cause, retryAfterMs }: { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    super(message, { cause });
    this.fault = fault;
    this.retryAfterMs = retryAfterMs;
  }
}

export const noSums: Sums = {
  requests: 0,
  hits: 0,
  bytesOut: 0,
  hitBytes: 0,
  originRequests: 0,
  originBytes: 0,
  byStatusClass: [0, 0, 0, 0, 0],
};
