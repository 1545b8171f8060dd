// Which API a provider's record stands for, opened with its credentials.
import type { OutgoingPolicy } from "../../../platform/outgoing.ts";
import type { Seal } from "../../../platform/seal.ts";
import { createGcore, gcoreRefusal } from "./gcore/statistics.ts";
import { type AskSettings, createAsk } from "./request.ts";
import { gcoreCredentials, gcoreSettings, titles, tmSwiftCredentials, tmSwiftSettings } from "./settings.ts";
import type { ProviderApi, ProviderName } from "./statistics.ts";
import type { ProviderRecord } from "./store.ts";
import { createTmSwift, tmSwiftRefusal } from "./tm-swift/statistics.ts";

export interface ApiSettings {
  readonly seal: Seal;
  readonly clock: () => Date;
  readonly outgoing: OutgoingPolicy;
  /** How long to wait before something is tried again, and for an answer, when it is not as usual. */
  readonly patience?: Pick<AskSettings, "wait" | "timeoutMs">;
}

export function openApi(provider: ProviderRecord, { seal, clock, outgoing, patience }: ApiSettings): ProviderApi {
  const { name } = provider;
  const credentials: unknown = JSON.parse(seal.open(provider.credentialsSealed, sealContext(name)));
  const asking = { ...outgoing, ...patience, name: titles[name] };
  if (name === "gcore") {
    return createGcore({
      settings: gcoreSettings.parse(provider.settings),
      credentials: gcoreCredentials.parse(credentials),
      ask: createAsk({ ...asking, refusalOf: gcoreRefusal }),
    });
  }
  return createTmSwift({
    settings: tmSwiftSettings.parse(provider.settings),
    credentials: tmSwiftCredentials.parse(credentials),
    ask: createAsk({ ...asking, refusalOf: tmSwiftRefusal }),
    clock,
  });
}

export function sealContext(name: ProviderName): string {
  return `provider:${name}`;
}
