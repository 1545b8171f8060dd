// Which secrets a document and its certificate name, and what a group of edges must have before it gets the documents. No input or output.
import type { DesiredDistribution } from "../../../edge-templates/index.ts";
import type { ServedCertificate } from "../certificate/index.ts";
import type { NeededSecret, SecretDelivery } from "../edge-secret/index.ts";
import type { Compilation } from "./rules.ts";

export function neededSecrets(
  { accountId, origins, accessRules }: DesiredDistribution,
  certificate: ServedCertificate | null,
): readonly NeededSecret[] {
  const buckets = origins.flatMap(({ bucket }): NeededSecret[] =>
    bucket === null ? [] : [{ id: bucket.secretId, accountId, purpose: "s3_secret_key" }],
  );
  const signedUrls = accessRules.flatMap((rule): NeededSecret[] =>
    rule.type === "signed_url"
      ? rule.secretIds.map((id) => ({ id, accountId, purpose: "url_signing_key" as const }))
      : [],
  );
  const keys = certificate === null ? [] : [keyOf(certificate)];
  return [...new Map([...buckets, ...signedUrls, ...keys].map((secret) => [secret.id, secret])).values()];
}

/** The private key, as a secret. */
export function keyOf({ accountId, keySecretId: id }: ServedCertificate): NeededSecret {
  return { id, accountId, purpose: "certificate_key" };
}

/** One that did not compile keeps its last good document, and so its secrets. */
export function deliveryOf(compilations: readonly Compilation[]): SecretDelivery {
  const settled = compilations.filter(({ kind }) => kind !== "refusal");
  const documents = settled.flatMap((compilation) => (compilation.kind === "document" ? [compilation] : []));
  return {
    distributionIds: settled.map(({ id }) => id),
    uses: documents.flatMap(({ id, secrets }) => secrets.map((secret) => ({ distributionId: id, usedId: secret.id }))),
    secrets: [...new Map(documents.flatMap(({ secrets }) => secrets.map((one) => [one.id, one]))).values()],
  };
}
