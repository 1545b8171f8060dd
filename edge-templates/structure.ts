// An edge group as nginx files: the few that settings, not distributions, decide. Each file belongs to a feature.
import type { Capabilities } from "../agents/contract.ts";
import { type Compiled, canonicalJson, compiled } from "./canonical-json.ts";
import type { DesiredGroup } from "./desired.ts";
import { cacheConf } from "./features/cache/view.ts";
import { compressionConf } from "./features/compression/view.ts";
import {
  cachedConf,
  controlConf,
  innerConf,
  originConf,
  originVerifiedConf,
  outerConf,
  passConf,
  viewerConf,
} from "./features/hops/view.ts";
import { LISTENERS_FILE, listenersConf, tasteListenersConf } from "./features/listeners/view.ts";
import { logConf } from "./features/logs/view.ts";
import { memoryConf } from "./features/memory/view.ts";
import { nginxConf } from "./features/process/view.ts";
import {
  CHILDREN_LISTENER_FILE,
  childrenConf,
  childrenListenerConf,
  parentConf,
  tasteChildrenListenerConf,
} from "./features/shield/view.ts";
import { tlsConf } from "./features/tls/view.ts";
import { CompileRefusal } from "./refusal.ts";

const STRUCTURE_FORMAT = 1;
const STRUCTURE_BYTES_MAX = 1024 * 1024;
const OWN_NAMES_MAX = 100;
// A name of one word could be a word of nginx's own (`default`, `include`).
const OWN_NAME = /^(localhost|[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){1,10})$/;

export function compileStructure(desired: DesiredGroup): Compiled {
  const group = { ...desired, capabilities: usedCapabilities(desired) };
  assertOwnNames(group.ownNames);
  const files = [
    { path: "nginx.conf", text: nginxConf(group) },
    { path: "memory.conf", text: memoryConf(group) },
    { path: "tls.conf", text: tlsConf() },
    { path: "cache.conf", text: cacheConf(group) },
    { path: "log.conf", text: logConf(group) },
    { path: "compression.conf", text: compressionConf(group) },
    { path: "outer.conf", text: outerConf(group) },
    { path: LISTENERS_FILE, text: listenersConf(group) },
    { path: "cached.conf", text: cachedConf(group) },
    { path: "viewer.conf", text: viewerConf() },
    { path: "inner.conf", text: innerConf(group) },
    { path: "origin.conf", text: originConf() },
    { path: "origin-verified.conf", text: originVerifiedConf() },
    { path: "pass.conf", text: passConf() },
    { path: "children.conf", text: childrenConf(group) },
    { path: CHILDREN_LISTENER_FILE, text: childrenListenerConf(group) },
    { path: "parent.conf", text: parentConf() },
    { path: "control.conf", text: controlConf() },
  ];
  const taste = [
    { path: LISTENERS_FILE, text: tasteListenersConf(group) },
    { path: CHILDREN_LISTENER_FILE, text: tasteChildrenListenerConf() },
  ];
  const probe = probeOf(group);
  const body = canonicalJson({ format: STRUCTURE_FORMAT, group: group.id, files, taste, probe });
  const bytes = Buffer.byteLength(body);
  if (bytes > STRUCTURE_BYTES_MAX)
    throw new CompileRefusal("", `compiles to ${bytes} bytes, more than the ${STRUCTURE_BYTES_MAX} allowed`);
  return compiled(body);
}

/** What the nodes can do and the operator wants. */
function usedCapabilities({ capabilities, settings: { modules } }: DesiredGroup): Capabilities {
  const { brotli, http3 } = capabilities;
  return { ...capabilities, brotli: brotli && modules.brotli, http3: http3 && modules.http3 };
}

/** Where the agent reaches the real listeners from its own machine, and a name that answers for its health. */
function probeOf({ ownNames, settings: { listeners } }: DesiredGroup) {
  const [ownName] = ownNames;
  if (ownName === undefined) throw new CompileRefusal("ownNames", "needs at least one name");
  const host = ["0.0.0.0", "::"].includes(listeners.host) ? "127.0.0.1" : listeners.host;
  return {
    own_name: ownName,
    http: { host, port: listeners.http },
    https: { host, port: listeners.https },
    children: listeners.parent === null ? null : { host, port: listeners.parent },
  };
}

function assertOwnNames(ownNames: readonly string[]): void {
  if (ownNames.length > OWN_NAMES_MAX) throw new CompileRefusal("ownNames", `more than ${OWN_NAMES_MAX} names`);
  const wrong = ownNames.findIndex((name) => name.length > 253 || !OWN_NAME.test(name));
  if (wrong >= 0)
    throw new CompileRefusal(`ownNames/${wrong}`, "must be localhost, an IPv4 address or a name with a dot");
}
