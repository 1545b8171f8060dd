import { expect, test } from "vitest";
import { type Asker, caaRefusal, climb } from "./caa-rules.ts";

const asker: Asker = {
  name: "www.example.com",
  method: "http-01",
  identities: ["ca.test"],
  accountUrl: "https://ca.test/acct/1",
};
const issue = (value: string, tag = "issue") => ({ critical: false, tag, value });
const isRefused = (records: readonly ReturnType<typeof issue>[], more: Partial<Asker> = {}) =>
  caaRefusal(records, "example.com", { ...asker, ...more }) !== undefined;

test("the records of the name count, else those of its nearest ancestor that has any; a wildcard's label is none", () => {
  expect(climb("*.www.example.com")).toEqual(["www.example.com", "example.com", "com"]);
});

test.each([
  ["the authority's name", [issue("ca.test")], false],
  ["another's", [issue("other.test")], true],
  ["both", [issue("other.test"), issue("CA.test; policy=ev")], false],
  ["nobody's", [issue(";")], true],
  ["no issue tag at all", [issue("mailto:x@example.com", "iodef")], false],
  ["our account", [issue("ca.test; accounturi=https://ca.test/acct/1")], false],
  ["another account", [issue("ca.test; accounturi=https://ca.test/acct/2")], true],
  ["our method among others", [issue("ca.test; validationmethods=dns-01,http-01")], false],
  ["another method", [issue("ca.test; validationmethods=dns-01")], true],
])("issue records with %s", (_, records, refused) => {
  expect(isRefused(records)).toBe(refused);
});

test("for a wildcard issuewild takes the place of issue, for other names it says nothing", () => {
  const records = [issue("ca.test"), issue(";", "issuewild")];
  expect(isRefused(records)).toBe(false);
  expect(isRefused(records, { name: "*.example.com" })).toBe(true);
  expect(isRefused([issue("ca.test")], { name: "*.example.com" })).toBe(false);
});

test("a critical tag that nobody knows forbids everything; an authority without a name judges for itself", () => {
  expect(caaRefusal([{ critical: true, tag: "future", value: "" }], "example.com", asker)).toContain("future");
  expect(isRefused([issue("other.test")], { identities: [] })).toBe(false);
});
