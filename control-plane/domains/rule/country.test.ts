import { expect, test } from "vitest";
import { COUNTRIES_MAX, country } from "./country.ts";

const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const pairs = letters.flatMap((first) => letters.map((second) => first + second));
const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });

test("every country that Unicode has no newer code for is taken, and nothing without a name", () => {
  const taken = pairs.filter((code) => country.safeParse(code).success);
  expect(taken).toHaveLength(COUNTRIES_MAX);
  expect(COUNTRIES_MAX).toBe(250);
  expect(taken.filter((code) => names.of(code) === undefined)).toEqual([]);
  expect(taken.filter((code) => new Intl.Locale(`und-${code}`).region !== code)).toEqual([]);
});

test("small letters are read as capitals", () => {
  expect(country.parse("de")).toBe("DE");
});

test.each([
  ["UK", "GB"],
  ["EU", "ISO 3166-1"],
  ["ZZ", "ISO 3166-1"],
  ["D1", "ISO 3166-1"],
])("%s is refused: %s", (code, reason) => {
  expect(country.safeParse(code).error?.issues[0]?.message).toContain(reason);
});
