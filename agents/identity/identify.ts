// Finds out who this edge is: from its disk, else by enrolling; again when the control plane takes that no more. Gives the
// connection that speaks in its name.
import { join } from "node:path";
import { ConfigError } from "../../platform/config.ts";
import type { Logger } from "../../platform/log.ts";
import { createBackOff } from "../back-off.ts";
import { type AgentConfig, enrolmentToken } from "../config.ts";
import type { Capabilities } from "../contract.ts";
import { type ControlPlane, ControlPlaneRefusal, createControlPlane } from "../control-plane-client.ts";
import { createEnrolAgain, type EnrolAgain } from "./enrol-again.ts";
import { acceptEndorsed } from "./feed-keys.ts";
import { enrol, findIdentity, type Identity, storeCertificate, storeFeedKeys } from "./identity.ts";
import { createTokenSource } from "./token.ts";

export interface Identified {
  readonly controlPlane: ControlPlane;
  readonly identity: () => Identity;
  readonly renewed: (certificate: string) => Promise<void>;
  readonly enrolAgain: EnrolAgain;
  /** Asks whether another key signs the feed now, and pins it when one that is pinned speaks for it. */
  readonly learnFeedKeys: (signal: AbortSignal) => Promise<void>;
}

export async function identify(
  { config, log, signal }: { config: AgentConfig; log: Logger; signal: AbortSignal },
  home: string,
  capabilities: Capabilities,
  /** Told who this edge is, and again whenever it has another certificate. */
  onIdentity: (identity: Identity) => Promise<void>,
): Promise<Identified> {
  const folder = join(home, "identity");
  let held = await findIdentity(folder);
  if (held !== undefined) await onIdentity(held);
  const identity = () => {
    if (held === undefined) throw new Error("this edge is not enrolled yet");
    return held;
  };
  const enrolWith = async (token: string, until: AbortSignal) => {
    const wish = { token, name: config.EDGE_NAME, capabilities };
    held = await enrol(folder, wish, (request) => controlPlane.enrol(request, until));
    log.info({ edge_id: held.edgeId, scope: held.scope }, "this edge is enrolled");
    await onIdentity(held);
  };
  const spent = held === undefined ? enrolmentToken(config) : undefined;
  const enrolAgain = createEnrolAgain({ token: () => enrolmentToken(config), spent, enrol: enrolWith, log });
  const controlPlane = createControlPlane({
    url: config.CONTROL_PLANE_URL,
    token: createTokenSource(identity),
    onRefused: enrolAgain.refused,
  });
  if (held === undefined) {
    if (spent === undefined)
      throw new ConfigError(
        "EDGE_ENROLMENT_TOKEN: this edge is not enrolled yet: make a token for its group and give it here.",
      );
    await untilAnswered(log, signal, () => enrolWith(spent, signal));
  }
  const renewed = async (certificate: string) => {
    held = await storeCertificate(folder, identity(), certificate);
    await onIdentity(held);
  };
  const learnFeedKeys = async (until: AbortSignal) => {
    const pinned = identity().feedKeys;
    const next = acceptEndorsed(pinned, await controlPlane.feedKeys(until));
    if (next === pinned) return;
    held = await storeFeedKeys(folder, identity(), next);
    log.info({ keys: Object.keys(next) }, "another key signs the feed now: the former one speaks for it");
  };
  return { controlPlane, identity, renewed, enrolAgain, learnFeedKeys };
}

/** A refusal is final; a control plane that is not there yet is waited for. */
async function untilAnswered(log: Logger, signal: AbortSignal, ask: () => Promise<void>): Promise<void> {
  const backOff = createBackOff({ firstMs: 250, maxMs: 10_000 });
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ControlPlaneRefusal && error.status < 500 && error.status !== 429) throw error;
      log.warn({ error }, "the control plane cannot be reached for the enrolment yet");
      await backOff.wait(signal);
    }
  }
}
