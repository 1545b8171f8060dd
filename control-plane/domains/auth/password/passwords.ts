// Passwords are hashed and compared here and nowhere else: with bcrypt, and a few at a time, so that many log-ins at once
// can neither eat all threads nor make a queue without end.
import bcrypt from "bcrypt";
import { Problem } from "../../../../platform/problem.ts";
import { passwordsBusy } from "../problems.ts";
import { PASSWORD_BYTES_MAX } from "../schema.ts";

// One fewer than libuv has threads: files and names are never stuck behind passwords.
const AT_ONCE = 3;
// Some two seconds of work for the last one.
const WAITING_MAX = 60;
const RETRY_AFTER_S = 3;
const COST = 11;
/** Well-formed, of the same cost, and the hash of nothing that is known: it costs as much as a real one to compare with. */
const DECOY = `$2b$${COST}$${".".repeat(22)}${"/".repeat(31)}`;

export interface Passwords {
  hash(password: string): Promise<string>;
  /** Takes as long for a hash that is not there as for one that is: time tells nobody who exists. */
  matches(password: string, hash: string | null | undefined): Promise<boolean>;
}

/** What the work is done by: bcrypt. */
export interface PasswordHashing {
  hash(password: string, cost: number): Promise<string>;
  compare(password: string, hash: string): Promise<boolean>;
}

export function createPasswords(hashing: PasswordHashing = bcrypt): Passwords {
  const inTurn = createTurns();
  return {
    hash: (password) => inTurn(() => hashing.hash(password, COST)),
    async matches(password, hash) {
      const isRight = await inTurn(() => hashing.compare(password, hash ?? DECOY));
      // bcrypt compares no further: what follows would be anything at all.
      return isRight && typeof hash === "string" && Buffer.byteLength(password) <= PASSWORD_BYTES_MAX;
    },
  };
}

function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running < AT_ONCE) running += 1;
    else await turn(waiting);
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      // The place passes on as it is: nobody slips in between.
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

function turn(waiting: (() => void)[]): Promise<void> {
  if (waiting.length >= WAITING_MAX) {
    throw new Problem(passwordsBusy, `Try again in ${RETRY_AFTER_S} seconds.`, {
      headers: { "retry-after": String(RETRY_AFTER_S) },
    });
  }
  return new Promise((resolve) => waiting.push(resolve));
}
