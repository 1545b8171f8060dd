// The domain as the worker runs it: what orders need, the handlers of jobs, and the runner.
import type { Resolver } from "../../../platform/dns/resolver.ts";
import type { ZoneUpdater } from "../../../platform/dns/update.ts";
import type { Logger } from "../../../platform/log.ts";
import type { Seal } from "../../../platform/seal.ts";
import { handleJob, type JobHandler } from "../../jobs/define-job.ts";
import { every, type Schedule } from "../../jobs/schedule.ts";
import { certificateUnwanted, certificateWanted } from "../certificate/index.ts";
import type { AppendSettings } from "../feed/index.ts";
import { createAccounts } from "./account.ts";
import { type AuthoritySettings, openAuthority } from "./authority.ts";
import type { OrderContext, Precheck } from "./context.ts";
import { forgetEnded } from "./forget.ts";
import { askRenewalInfo, forgetOrders, renewDue } from "./jobs.ts";
import { type OrderLimits, USUAL_LIMITS } from "./limit-rules.ts";
import { askRenewalInfo as askAuthorities, renewDue as orderDue } from "./renewal.ts";
import { forgetCertificate, orderCertificate, refuseCertificate } from "./request.ts";
import { revokeCertificate } from "./revoke.ts";
import { type OrderRunner, startOrderRunner } from "./runner.ts";

export interface AcmeSettings extends AppendSettings {
  readonly seal: Seal;
  readonly log: Logger;
  /** Undefined: nobody to ask. */
  readonly authority: AuthoritySettings | undefined;
  readonly resolver: Resolver;
  readonly zone: string;
  readonly updater: ZoneUpdater | undefined;
  readonly precheck: Precheck;
  readonly caaIdentities?: readonly string[];
  readonly limits?: OrderLimits;
  readonly random?: () => number;
}

export interface Acme {
  readonly handlers: readonly JobHandler[];
  /** Undefined: there is no authority, so there are no orders. */
  readonly startRunner: ((options?: { leaseMs?: number; lookEveryMs?: number }) => OrderRunner) | undefined;
}

const DUE_EVERY_MS = 15_000;
const RENEWAL_INFO_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 3_600_000;

export const acmeSchedules: readonly Schedule[] = [
  every(DUE_EVERY_MS, renewDue, {}),
  every(RENEWAL_INFO_EVERY_MS, askRenewalInfo, {}),
  every(FORGET_EVERY_MS, forgetOrders, {}),
];

export function createAcme(settings: AcmeSettings): Acme {
  return settings.authority === undefined ? withoutAuthority(settings) : withAuthority(settings, settings.authority);
}

function withoutAuthority(settings: AcmeSettings): Acme {
  return {
    handlers: [
      handleJob(certificateWanted, ({ certificate_id: id }) => refuseCertificate(settings, id)),
      handleJob(certificateUnwanted, ({ certificate_id: id }) => forgetCertificate(settings, id)),
      handleJob(renewDue, async () => {}),
      handleJob(askRenewalInfo, async () => {}),
      handleJob(forgetOrders, () => forgetEnded(settings)),
    ],
    startRunner: undefined,
  };
}

function withAuthority(settings: AcmeSettings, asked: AuthoritySettings): Acme {
  const { limits = USUAL_LIMITS, caaIdentities = [], random = Math.random, ...given } = settings;
  const authority = openAuthority(asked);
  const accounts = createAccounts({ ...given, authority });
  const context: OrderContext = { ...given, limits, caaIdentities, random, authority, accounts };
  let runner: OrderRunner | undefined;

  return {
    handlers: [
      handleJob(certificateWanted, async ({ certificate_id: id }) => {
        await orderCertificate(context, id, { isDue: false });
        runner?.wake();
      }),
      handleJob(certificateUnwanted, async ({ certificate_id: id, revoke }, signal) => {
        if (revoke === null) await forgetCertificate(context, id);
        else await revokeCertificate(context, { id, revoke }, signal);
        runner?.wake();
      }),
      handleJob(renewDue, async () => {
        await orderDue(context);
        runner?.wake();
      }),
      handleJob(askRenewalInfo, (_, signal) => askAuthorities(context, signal)),
      handleJob(forgetOrders, () => forgetEnded(context)),
    ],
    startRunner: (options) => {
      runner = startOrderRunner(context, options);
      return runner;
    },
  };
}
