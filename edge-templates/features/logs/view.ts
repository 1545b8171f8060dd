// log.conf: the shape of an access-log line.
import { readTemplate } from "../../template.ts";

const template = readTemplate<Readonly<Record<string, never>>>(import.meta.url, "log.hbs");

export const logConf = (): string => template({});
