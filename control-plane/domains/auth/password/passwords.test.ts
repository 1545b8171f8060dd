import bcrypt from "bcrypt";
import { expect, test } from "vitest";
import { passwordsBusy } from "../problems.ts";
import { createPasswords, type PasswordHashing } from "./passwords.ts";

test("a password matches its own hash, whatever its letters, and no other", async () => {
  const passwords = createPasswords();
  const hash = await passwords.hash("pässword-1");
  expect(await passwords.matches("pässword-1", hash)).toBe(true);
  expect(await passwords.matches("password-1", hash)).toBe(false);
  expect(await passwords.hash("pässword-1")).not.toBe(hash);
});

test("what bcrypt would cut off counts too", async () => {
  const passwords = createPasswords();
  const longest = "a1".repeat(36);
  const hash = await passwords.hash(longest);
  expect(await passwords.matches(longest, hash)).toBe(true);
  expect(await passwords.matches(`${longest}x`, hash)).toBe(false);
});

test("a hash that is not there costs what a real one costs, which is at least 2^10 rounds", async () => {
  const compared: string[] = [];
  const passwords = createPasswords({
    hash: bcrypt.hash,
    compare: (password, hash) => {
      compared.push(hash);
      return bcrypt.compare(password, hash);
    },
  });
  const hash = await passwords.hash("correct-horse-1");
  for (const known of [hash, undefined, null]) await passwords.matches("wrong-horse-1", known);
  const rounds = compared.map((one) => bcrypt.getRounds(one));
  expect(new Set(rounds)).toEqual(new Set([bcrypt.getRounds(hash)]));
  expect(rounds).toHaveLength(3);
  expect(bcrypt.getRounds(hash)).toBeGreaterThanOrEqual(10);
});

test("three are hashed at once, sixty wait in line, and the next is asked to come back", async () => {
  const begun: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const held: PasswordHashing = {
    hash: async (password) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => begun.push(resolve));
      running -= 1;
      return password;
    },
    compare: bcrypt.compare,
  };
  const passwords = createPasswords(held);
  const all = Array.from({ length: 63 }, (_, number) => passwords.hash(`p${number}`));
  await expect(passwords.hash("one-too-many")).rejects.toMatchObject({
    kind: passwordsBusy,
    headers: { "retry-after": "3" },
  });
  for (let done = 0; done < all.length; done += 1) {
    begun[done]?.();
    await all[done];
  }
  expect(await Promise.all(all)).toEqual(Array.from({ length: 63 }, (_, number) => `p${number}`));
  expect(most).toBe(3);
});

test("a place is given back when the work fails", async () => {
  const broken = createPasswords({ hash: () => Promise.reject(new Error("no entropy")), compare: bcrypt.compare });
  for (let round = 0; round < 70; round += 1) await expect(broken.hash("x")).rejects.toThrow("no entropy");
});
