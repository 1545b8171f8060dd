// listeners.conf: where viewers connect, and what a taste listens on instead.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";

interface Listener {
  readonly host: string;
  /** `::` alone takes IPv4 too. */
  readonly dual: boolean;
  readonly http: number;
  readonly https: number;
  readonly http2Directive: boolean;
  readonly http3: boolean;
}

interface View {
  readonly listeners: readonly Listener[];
  readonly http2Directive: boolean;
  readonly http3: boolean;
}

const listeners = readTemplate<View>(import.meta.url, "listeners.hbs");
const taste = readTemplate<Pick<View, "http2Directive">>(import.meta.url, "taste.hbs");

export const LISTENERS_FILE = "listeners.conf";

export function listenersConf({ settings, capabilities }: DesiredGroup): string {
  const { host, more_hosts, http, https } = settings.listeners;
  const asked = { http2Directive: capabilities.http2_directive, http3: capabilities.http3 };
  const hosts = [host, ...more_hosts];
  return listeners({
    ...asked,
    listeners: hosts.map((one) => ({ ...asked, host: one, dual: one === "::", http, https })),
  });
}

export function tasteListenersConf({ capabilities }: DesiredGroup): string {
  return taste({ http2Directive: capabilities.http2_directive });
}
