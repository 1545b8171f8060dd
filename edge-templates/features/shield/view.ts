// The origin shield: children.conf, where the edges of child groups ask this one, and parent.conf, how this one asks those
// of its parent group.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";

interface Listener {
  readonly host: string;
  readonly port: number;
  /** `::` alone takes IPv4 too. */
  readonly dual: boolean;
}

type NoView = Readonly<Record<string, never>>;
const children = readTemplate<{ readonly hasListener: boolean }>(import.meta.url, "children.hbs");
const listener = readTemplate<{ readonly listeners: readonly Listener[] }>(import.meta.url, "children-listener.hbs");
const taste = readTemplate<NoView>(import.meta.url, "taste.hbs");
const parent = readTemplate<NoView>(import.meta.url, "parent.hbs");

export const CHILDREN_LISTENER_FILE = "children-listener.conf";

export const childrenConf = ({ settings }: DesiredGroup): string =>
  children({ hasListener: settings.listeners.parent !== null });

export function childrenListenerConf({ settings: { listeners } }: DesiredGroup): string {
  const { host, more_hosts, parent: port } = listeners;
  if (port === null) return listener({ listeners: [] });
  return listener({ listeners: [host, ...more_hosts].map((one) => ({ host: one, port, dual: one === "::" })) });
}

export const tasteChildrenListenerConf = (): string => taste({});
export const parentConf = (): string => parent({});
