// Entries and fences as all processes share them in Redis: what scripts.ts does, typed. Failing is an answer here, never
// an error: without Redis there is nothing to find, to store or to fence off.
import { z } from "zod";
import { endsWithin } from "../jobs/deadline.ts";
import type { RedisSessions } from "./redis-session.ts";
import { findPart, lowerFences, raiseFences, storePart } from "./scripts.ts";

export const INVALIDATIONS = "edgewright:cache:stale";

/** Whose load takes longer keeps nothing. Short, because each name that anybody asks for costs Redis a key for so long. */
const LEASE_MS = 10_000;
/** Pages of one list, and the like. One more, and all of them go. */
const PARTS_MAX = 64;
const FIRST_CONTACT_TIMEOUT_MS = 2_000;

export type Found =
  | { readonly kind: "hit"; readonly text: string; readonly leftMs: number }
  | { readonly kind: "miss"; readonly lease: string }
  /** Somebody is writing, or Redis is full or away: what is loaded now must not be kept. */
  | { readonly kind: "fenced" };

const foundSchema = z.union([
  z.tuple([z.literal("hit"), z.number(), z.string()]),
  z.tuple([z.literal("miss"), z.string()]),
  z.tuple([z.literal("fenced")]),
]);

export interface Place {
  readonly name: string;
  /** What belongs to the name: one of several, or the only one, which is empty. */
  readonly field: string;
  /** Entries with another tag are not believed. */
  readonly tag: string;
}

export interface SharedEntries {
  find(place: Place): Promise<Found>;
  /** False: it must not be kept, since somebody wrote meanwhile, or it could not be stored. */
  store(place: Place, entry: { lease: string; text: string; ttlMs: number }): Promise<boolean>;
}

/** `self` tells the leases of this process from those of others. */
export function createSharedEntries(sessions: RedisSessions, self: string): SharedEntries {
  let leases = 0;
  return {
    async find({ name, field, tag }) {
      leases += 1;
      const keys = [fenceKey(name), entryKey(name)];
      const answer = await answered(sessions.run(findPart, keys, [tag, `:${field}`, `${self}.${leases}`, LEASE_MS]));
      const found = foundSchema.safeParse(answer);
      if (!found.success || found.data[0] === "fenced") return { kind: "fenced" };
      if (found.data[0] === "miss") return { kind: "miss", lease: found.data[1] };
      return { kind: "hit", leftMs: found.data[1], text: found.data[2] };
    },
    async store({ name, field, tag }, { lease, text, ttlMs }) {
      const args = [lease, tag, `:${field}`, ttlMs, text, PARTS_MAX];
      return (await answered(sessions.run(storePart, [entryKey(name)], args))) === 1;
    },
  };
}

export interface Fences {
  /** False: Redis is away, or full; then nobody is kept from storing what is about to be old. */
  raise(names: readonly string[], token: string): Promise<boolean>;
  /** False: Redis went away, and the fences may be lost with it. */
  lower(names: readonly string[], token: string): Promise<boolean>;
}

export function createFences(sessions: RedisSessions, fenceMs: number): Fences {
  const keysOf = (names: readonly string[]) => names.flatMap((name) => [fenceKey(name), entryKey(name)]);
  return {
    async raise(names, token) {
      // A command may write before its connection stands.
      if (sessions.runId() === undefined) await endsWithin(sessions.firstContact, FIRST_CONTACT_TIMEOUT_MS);
      const args = [token, fenceMs, INVALIDATIONS, JSON.stringify(names)];
      return (await answered(sessions.run(raiseFences, keysOf(names), args))) === 1;
    },
    async lower(names, token) {
      const args = [token, INVALIDATIONS, JSON.stringify(names)];
      return (await answered(sessions.run(lowerFences, keysOf(names), args))) === 1;
    },
  };
}

const invalidationSchema = z.array(z.string());

/** The names. Undefined: not our words. */
export function parseInvalidation(message: string): readonly string[] | undefined {
  try {
    return invalidationSchema.safeParse(JSON.parse(message)).data;
  } catch {
    return undefined;
  }
}

function fenceKey(name: string): string {
  return `edgewright:cache:fence:${name}`;
}

function entryKey(name: string): string {
  return `edgewright:cache:entry:${name}`;
}

/** Undefined: Redis gave no answer. */
function answered(asking: Promise<unknown>): Promise<unknown> {
  return asking.catch(() => undefined);
}
