import { expect, test } from "vitest";
import { username } from "../schema.ts";
import { likelyNames, provenAddress } from "./rules.ts";

const someone = { iss: "https://issuer.example", sub: "1" };

test("an address counts when the issuer has made sure of it, and is one", () => {
  expect(provenAddress({ email: "Ada@Bücher.example", email_verified: true })).toBe("Ada@xn--bcher-kva.example");
  expect(provenAddress({ email: "ada@example.com", email_verified: false })).toBeUndefined();
  expect(provenAddress({ email: "ada@example.com" })).toBeUndefined();
  expect(provenAddress({ email: "nobody", email_verified: true })).toBeUndefined();
});

test("names are made of what the issuer calls a person, and always fit", () => {
  expect(likelyNames({ ...someone, preferred_username: "ada", email: "countess@example.com" }, "1a2b3")).toEqual([
    ...["ada", "ada-1a2b3", "countess", "countess-1a2b3"],
  ]);
  expect(likelyNames({ ...someone, preferred_username: "Ádá Lövelace!" }, "1a2b3")[0]).toBe("AdaLovelace");
  expect(likelyNames({ ...someone, preferred_username: "李", email: "a@example.com" }, "1a2b3")).toEqual([]);
  const long = likelyNames({ ...someone, preferred_username: "x".repeat(300) }, "1a2b3");
  for (const name of long) expect(username.safeParse(name).success).toBe(true);
});
