// listeners.conf: where viewers connect, and what a taste listens on instead.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";

interface View {
  readonly host: string;
  /** `::` alone takes IPv4 too. */
  readonly dual: boolean;
  readonly http: number;
  readonly https: number;
  readonly http2Directive: boolean;
  readonly http3: boolean;
}

const listeners = readTemplate<View>(import.meta.url, "listeners.hbs");
const taste = readTemplate<View>(import.meta.url, "taste.hbs");

export const LISTENERS_FILE = "listeners.conf";

export function listenersConf(group: DesiredGroup): string {
  return listeners(view(group));
}

export function tasteListenersConf(group: DesiredGroup): string {
  return taste(view(group));
}

function view({ settings, capabilities }: DesiredGroup): View {
  return {
    ...settings.listeners,
    dual: settings.listeners.host === "::",
    http2Directive: capabilities.http2_directive,
    http3: capabilities.http3,
  };
}
