// Requests with which somebody succeeds, for what people, accounts and operators do.
import { createHash, randomBytes } from "node:crypto";
import { TOTP } from "otpauth";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { createSiweMessage } from "viem/siwe";
import { z } from "zod";
import type { Kitchen, MakeRecipe } from "./recipes.ts";
import { PASSWORD, type Person } from "./world.ts";

const withId = z.looseObject({ id: z.uuid() });
const SAME: MakeRecipe = async () => ({});

async function invite({ owner, canary }: Kitchen): Promise<string> {
  const body = { email: `${canary}@example.com`, role: "editor" };
  return (await owner.expect(201, withId, "POST", "/api/v1/account/invitations", body)).id;
}

const ofInvitation: MakeRecipe = async (kitchen) => ({ params: { id: await invite(kitchen) } });

/** Of another account, for the person who is to accept it, with a token as the mail would hold it. */
async function invited({ world, owner }: Kitchen): Promise<{ token: string }> {
  const host = await world.register();
  const id = await invite({ world, owner: host, canary: randomBytes(8).toString("hex") });
  const token = randomBytes(32).toString("base64url");
  const hash = createHash("sha256").update(token).digest("hex");
  await world.db("invitation").where({ id }).update({ token_hash: hash });
  await world.db("user").where({ id: owner.userId }).update({ email_verified_at: new Date() });
  return { token };
}

const ofMember: MakeRecipe = async ({ world, owner }) => ({
  params: { user_id: (await world.join(owner, "viewer")).userId },
});

const apiTokenBody = (canary: string) => ({ name: canary, scopes: ["distributions:read"] });

const ofApiToken: MakeRecipe = async ({ owner, canary }) => ({
  params: { id: (await owner.expect(201, withId, "POST", "/api/v1/api-tokens", apiTokenBody(canary))).id },
});

const listed = z.object({ data: z.array(withId) });

const ofSession: MakeRecipe = async ({ owner }) => {
  const { data } = await owner.expect(200, listed, "GET", "/api/v1/auth/sessions");
  return { params: { id: data[0]?.id ?? "" } };
};

const enrolled = z.object({ secret: z.string() });
const recoveryCodes = z.object({ recovery_codes: z.array(z.string()) });

async function enrolTotp({ owner }: Kitchen): Promise<string> {
  const { secret } = await owner.expect(201, enrolled, "POST", "/api/v1/auth/totp", { password: PASSWORD });
  return new TOTP({ secret }).generate();
}

async function useTotp(kitchen: Kitchen): Promise<string> {
  const body = { totp_code: await enrolTotp(kitchen) };
  const given = await kitchen.owner.expect(200, recoveryCodes, "POST", "/api/v1/auth/totp/confirm", body);
  return given.recovery_codes[0] ?? "";
}

const withRecoveryCode: MakeRecipe = async (kitchen) => ({
  body: { password: PASSWORD, recovery_code: await useTotp(kitchen) },
});

const nonceSchema = z.object({ nonce: z.string(), domain: z.string(), uri: z.string(), chain_id: z.number() });

async function ethereumLink({ world }: Kitchen) {
  const asked = await world.api.expect(201, nonceSchema, "POST", "/api/v1/auth/siwe/nonce");
  const wallet = privateKeyToAccount(generatePrivateKey());
  const message = createSiweMessage({
    ...{ address: wallet.address, domain: asked.domain, uri: asked.uri, nonce: asked.nonce },
    ...{ chainId: asked.chain_id, version: "1", issuedAt: new Date() },
  });
  return { message, signature: await wallet.signMessage({ message }), password: PASSWORD };
}

async function somebody({ world }: Kitchen): Promise<Person> {
  return world.register();
}

const ofUser: MakeRecipe = async (kitchen) => ({ params: { id: (await somebody(kitchen)).userId } });

export const peopleRecipes: Readonly<Record<string, MakeRecipe>> = {
  verifyToken: SAME,
  logOut: SAME,
  getProfile: SAME,
  updateProfile: async ({ canary }) => ({ body: { name: canary, bio: "", avatar_url: null } }),
  changePassword: async () => ({ body: { current_password: PASSWORD, new_password: "battery-staple-2" } }),
  listSessions: SAME,
  endSession: ofSession,
  sendEmailVerification: SAME,
  getTotp: SAME,
  enrolTotp: async () => ({ body: { password: PASSWORD } }),
  confirmTotp: async (kitchen) => ({ body: { totp_code: await enrolTotp(kitchen) } }),
  disableTotp: withRecoveryCode,
  renewRecoveryCodes: withRecoveryCode,
  listIdentities: SAME,
  linkEthereum: async (kitchen) => ({ body: await ethereumLink(kitchen) }),
  removeIdentity: async (kitchen) => {
    const body = await ethereumLink(kitchen);
    const { id } = await kitchen.owner.expect(201, withId, "POST", "/api/v1/auth/siwe/link", body);
    return { params: { id } };
  },
  listAccounts: SAME,
  createAccount: async ({ canary }) => ({ body: { name: canary } }),
  getAccount: SAME,
  updateAccount: async ({ canary }) => ({ body: { name: canary } }),
  deleteAccount: SAME,
  transferAccount: async ({ world, owner }) => ({ body: { user_id: (await world.join(owner, "admin")).userId } }),
  listMembers: SAME,
  updateMember: async (kitchen) => ({ ...(await ofMember(kitchen)), body: { role: "editor" } }),
  removeMember: ofMember,
  listInvitations: async (kitchen) => {
    await invite(kitchen);
    return {};
  },
  createInvitation: async ({ canary }) => ({ body: { email: `${canary}@example.com`, role: "viewer" } }),
  revokeInvitation: ofInvitation,
  resendInvitation: async (kitchen) => {
    const id = await invite(kitchen);
    await kitchen.world
      .db("invitation")
      .where({ id })
      .update({ mailed_at: new Date(0) });
    return { params: { id } };
  },
  acceptInvitation: async (kitchen) => ({ body: await invited(kitchen) }),
  listApiTokens: ofApiTokenList(),
  createApiToken: async ({ canary }) => ({ body: apiTokenBody(canary) }),
  getApiToken: ofApiToken,
  revokeApiToken: ofApiToken,
  listAudit: async () => ({ query: { action: "session" } }),
  listPlatformAudit: SAME,
  listUsers: async () => ({ query: { platform_role: "user" } }),
  getUser: ofUser,
  updateUser: async (kitchen) => ({ ...(await ofUser(kitchen)), body: { platform_role: "premium" } }),
  suspendUser: async (kitchen) => ({ ...(await ofUser(kitchen)), body: { reason: "They asked for it." } }),
  unsuspendUser: async (kitchen) => {
    const { userId } = await somebody(kitchen);
    await kitchen.owner.call("POST", `/api/v1/users/${userId}/suspend`, { reason: "For a while." });
    return { params: { id: userId } };
  },
};

function ofApiTokenList(): MakeRecipe {
  return async (kitchen) => {
    await ofApiToken(kitchen);
    return {};
  };
}
