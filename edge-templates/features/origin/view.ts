// From desired origins to the `origin` part of a document.
import type { DesiredDistribution } from "../../desired.ts";
import { CompileRefusal } from "../../refusal.ts";
import type { OriginPart } from "./schema.ts";

export function originPart({ origins, balancer }: DesiredDistribution): OriginPart {
  const [first] = origins;
  const other = origins.findIndex((origin) => origin.scheme !== first?.scheme);
  // nginx decides http or https once per request, before the balancer may move on to another server.
  if (other >= 0)
    throw new CompileRefusal(`origins/${other}/scheme`, "all origins of a distribution must use one protocol");
  return {
    balancer,
    servers: origins.map(({ id, scheme, host, port, hostHeader, sni, weight, primary }) => ({
      ...{ id, scheme, host, port, weight, primary },
      host_header: hostHeader,
      sni,
    })),
  };
}
