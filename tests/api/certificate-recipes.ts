// Requests with which an account's owner succeeds, for certificates: uploaded ones, and automatic ones that were issued.
import { z } from "zod";
import { inTransaction } from "../../control-plane/database/transaction.ts";
import { storeIssued } from "../../control-plane/domains/certificate/index.ts";
import { createViewersAuthority } from "../../openresty/test-certificates.ts";
import { createSeal } from "../../platform/seal.ts";
import type { Kitchen, MakeRecipe } from "./recipes.ts";
import { MASTER_KEY } from "./world.ts";

const withId = z.looseObject({ id: z.uuid() });
const { root, issue } = createViewersAuthority();

function uploadBody(canary: string) {
  const { chain, key } = issue({ names: [`${canary}.example.com`] });
  return { name: canary, certificate: chain, chain: root, private_key: key };
}

async function upload({ owner, canary }: Kitchen): Promise<{ params: { id: string } }> {
  const { id } = await owner.expect(201, withId, "POST", "/api/v1/certificates", uploadBody(canary));
  return { params: { id } };
}

async function order({ owner, canary }: Kitchen): Promise<{ params: { id: string } }> {
  const body = { name: canary, domains: [`${canary}.example.com`], automatic: true };
  const { id } = await owner.expect(202, withId, "POST", "/api/v1/certificates", body);
  return { params: { id } };
}

async function issued(kitchen: Kitchen): Promise<{ params: { id: string } }> {
  const ordered = await order(kitchen);
  const { chain, key } = issue({ names: [`${kitchen.canary}.example.com`] });
  const seal = createSeal(Buffer.from(MASTER_KEY, "hex"));
  await inTransaction(kitchen.world.db, (tx) =>
    storeIssued(tx, { seal, now: new Date() }, { certificateId: ordered.params.id, chain, privateKey: key }),
  );
  return ordered;
}

export const certificateRecipes: Readonly<Record<string, MakeRecipe>> = {
  createCertificate: async ({ canary }) => ({ body: uploadBody(canary) }),
  listCertificates: async (kitchen) => {
    await upload(kitchen);
    return {};
  },
  getCertificate: upload,
  updateCertificate: async (kitchen) => ({ ...(await upload(kitchen)), body: { name: "changed" } }),
  deleteCertificate: upload,
  renewCertificate: order,
  revokeCertificate: async (kitchen) => ({ ...(await issued(kitchen)), body: { reason: "superseded" } }),
};
