// tls.conf: what a handshake may use.
import { readTemplate } from "../../template.ts";

const template = readTemplate<Readonly<Record<string, never>>>(import.meta.url, "tls.hbs");

export const tlsConf = (): string => template({});
