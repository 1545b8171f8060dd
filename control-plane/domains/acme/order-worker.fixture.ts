// For crashes.test.ts: a worker in a process of its own, which looks after orders until it is killed.
import { z } from "zod";
import { createResolver } from "../../../platform/dns/resolver.ts";
import { createLogger } from "../../../platform/log.ts";
import { createSeal } from "../../../platform/seal.ts";
import { connectDatabase } from "../../database/connection.ts";
import { createFeedSigner } from "../feed/index.ts";
import { createAcme } from "./acme.ts";
import { authorityOf } from "./test-authority.ts";

const settings = z
  .object({
    databaseUrl: z.string(),
    directoryUrl: z.string(),
    caFile: z.string(),
    dnsServer: z.string(),
    key: z.string(),
  })
  .parse(JSON.parse(process.argv[2] ?? ""));

const acme = createAcme({
  db: connectDatabase(settings.databaseUrl, { poolMax: 4, applicationName: "order worker" }).db,
  signer: createFeedSigner(settings.key),
  clock: () => new Date(),
  announce: () => {},
  seal: createSeal(Buffer.alloc(32, 1)),
  log: createLogger({ role: "test", level: "silent" }),
  authority: authorityOf(settings),
  resolver: createResolver({ servers: [settings.dnsServer] }),
  zone: "platform.test",
  updater: undefined,
  precheck: async () => ({ ok: true }),
});
acme.startRunner?.({ leaseMs: 500, lookEveryMs: 50 });
