// The mail server that a process hands letters to, as the configuration says.
import { readFileSync } from "node:fs";
import { ConfigError } from "../../platform/config.ts";
import type { Logger } from "../../platform/log.ts";
import { type ControlPlaneConfig, mailFromOf } from "../config.ts";
import { createMailer, type Mailer } from "../domains/mail/index.ts";
import { clock } from "./services.ts";

export function openMailer(config: ControlPlaneConfig, log: Logger): Mailer {
  const { SMTP_URL: smtpUrl, SMTP_CA_FILE: path } = config;
  return createMailer({ smtpUrl, authority: readAuthority(path), from: mailFromOf(config), log, clock });
}

function readAuthority(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(`SMTP_CA_FILE: ${path} cannot be read.`, { cause: error });
  }
}
