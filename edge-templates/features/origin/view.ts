// From desired origins to the `origin` part of a document.
import type { DesiredDistribution } from "../../desired.ts";
import type { OriginPart } from "./schema.ts";

export function originPart({ origins, balancer }: DesiredDistribution): OriginPart {
  return {
    balancer,
    servers: origins.map(({ id, scheme, host, port, hostHeader, sni, weight, primary }) => ({
      ...{ id, scheme, host, port, weight, primary },
      host_header: hostHeader,
      sni,
    })),
  };
}
