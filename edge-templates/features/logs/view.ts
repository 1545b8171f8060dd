// log.conf: the shape of an access-log line, and which requests get one.
import type { DesiredGroup } from "../../desired.ts";
import { readTemplate } from "../../template.ts";

interface View {
  readonly isSampled: boolean;
  readonly hasQuery: boolean;
  readonly oneIn: number;
  readonly percent: number;
  readonly hundredths: number;
}

const template = readTemplate<View>(import.meta.url, "log.hbs");

export function logConf({ settings: { logs } }: DesiredGroup): string {
  // Whole for every share that the settings allow.
  const basisPoints = 10_000 / logs.one_in;
  return template({
    isSampled: logs.one_in > 1,
    hasQuery: logs.query,
    oneIn: logs.one_in,
    percent: Math.floor(basisPoints / 100),
    hundredths: basisPoints % 100,
  });
}
