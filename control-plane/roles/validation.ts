// How this process looks at names, as the settings say: for whoever asks now, and for whoever does it by and by.
import type { Seal } from "../../platform/seal.ts";
import type { ControlPlaneConfig } from "../config.ts";
import type { Database } from "../database/transaction.ts";
import { createLook, createPrecheck, createValidationSecrets } from "../domains/validation/index.ts";
import { openResolvers } from "./dns.ts";

export function openValidation(
  config: ControlPlaneConfig,
  { db, seal, clock }: { db: Database; seal: Seal; clock: () => Date },
) {
  const zone = config.PLATFORM_ZONE;
  const secrets = createValidationSecrets({ db, seal });
  const look = createLook({
    ...{ db, clock, secrets, zone, resolvers: openResolvers(config) },
    reach: { port: config.VALIDATION_HTTP_PORT, allowPrivate: config.ALLOW_PRIVATE_ORIGINS },
  });
  return { zone, secrets, look, precheck: createPrecheck({ db, clock, look, zone }) };
}
