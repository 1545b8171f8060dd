// From a distribution's CORS settings to the `cors` part of a document.
import type { DesiredCors, DesiredDistribution } from "../../desired.ts";
import type { CorsInput } from "./schema.ts";

export function corsPart({ cors }: DesiredDistribution): CorsInput | undefined {
  return cors === null ? undefined : partOf(cors);
}

function partOf(cors: DesiredCors): CorsInput {
  return {
    origins: cors.allowOrigins,
    methods: cors.allowMethods,
    headers: cors.allowHeaders,
    expose: cors.exposeHeaders,
    max_age: cors.maxAgeSeconds,
    ...(cors.allowCredentials ? { credentials: true } : {}),
  };
}
