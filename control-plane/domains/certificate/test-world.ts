// Customers who upload certificates and have some got, with an authority that the tests are. Tests only.
import { expect } from "vitest";
import { z } from "zod";
import { createViewersAuthority } from "../../../openresty/test-certificates.ts";
import { createSeal } from "../../../platform/seal.ts";
import { inTransaction } from "../../database/transaction.ts";
import type { Answer } from "../../http/test-ask.ts";
import { canonicalDomain, findForeignClaim } from "../distribution/index.ts";
import { idIn, startTestApi } from "../distribution/test-api.ts";
import { certificateRoutes, createCertificateService, storeIssued } from "./index.ts";

export type CertificateWorld = Awaited<ReturnType<typeof startCertificateWorld>>;

export async function startCertificateWorld() {
  const { root, issue } = createViewersAuthority();
  const seal = createSeal(Buffer.alloc(32, 1));
  let count = 0;
  const api = await startTestApi(undefined, ({ db }) => [
    ...certificateRoutes(
      createCertificateService({
        ...{ db, seal, clock: () => new Date() },
        canonicalName: (text) => canonicalDomain(text, "edgewright.localhost"),
        isServedForAnother: async (reads, name) => (await findForeignClaim(reads, name)) !== undefined,
      }),
    ),
  ]);

  function pairFor(...names: string[]) {
    const { chain, key } = issue({ names });
    return { certificate: chain, chain: root, private_key: key };
  }

  return {
    ...{ api, seal, root, pairFor },
    newName(): string {
      count += 1;
      return `h${count}.example.com`;
    },
    async upload(...names: string[]): Promise<string> {
      const answer = await api.call("owner", "POST", "/certificates", pairFor(...names));
      expect(answer.status, JSON.stringify(answer.body)).toBe(201);
      return idIn(answer);
    },
    async order(...domains: string[]): Promise<string> {
      const answer = await api.call("owner", "POST", "/certificates", { domains, automatic: true });
      expect(answer.status, JSON.stringify(answer.body)).toBe(202);
      return idIn(answer);
    },
    /** As an authority's answer is stored. */
    issueFor(id: string, ...names: string[]) {
      const { chain, key } = issue({ names });
      const wanted = { certificateId: id, chain, privateKey: key };
      return inTransaction(api.db, (tx) => storeIssued(tx, { seal, now: new Date() }, wanted));
    },
    distribute(domain: string, more: object = {}): Promise<Answer> {
      return api.call("owner", "POST", "/distributions", { domain, origin: { url: "http://127.0.0.1:9000" }, ...more });
    },
    patch: (id: string, body: object): Promise<Answer> => api.call("owner", "PATCH", `/distributions/${id}`, body),
    read: async (path: string) => (await api.call("owner", "GET", path)).body,
    /** The payloads of the jobs of this name. */
    jobs: (name: string): Promise<unknown[]> => api.db("outbox").where({ job: name }).pluck("payload"),
    stop: () => api.stop(),
  };
}

const problem = z.object({ errors: z.array(z.object({ pointer: z.string(), detail: z.string() })) });

export function faultsIn({ status, body }: Answer): readonly string[] {
  expect(status, JSON.stringify(body)).toBe(422);
  return problem.parse(body).errors.map(({ pointer, detail }) => `${pointer} ${detail}`);
}
