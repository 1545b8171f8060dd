// People and their tokens as the API answers them.
import type { UserReply } from "../schema.ts";
import type { IssuedToken } from "../token.ts";
import type { UserRecord } from "./store.ts";

export function userToReply(user: UserRecord): UserReply {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    email_verified: user.emailVerifiedAt !== null,
    name: user.name,
    bio: user.bio,
    avatar_url: user.avatarUrl,
    platform_role: user.platformRole,
    created_at: user.createdAt.toISOString(),
  };
}

export function tokenToReply({ token, expiresAt }: Pick<IssuedToken, "token" | "expiresAt">) {
  return { token, expires_at: expiresAt.toISOString() };
}
