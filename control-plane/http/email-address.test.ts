import { expect, test } from "vitest";
import { isEmailAddress, normaliseEmail } from "./email-address.ts";

const longLabel = "a".repeat(63);
const longDomain = `${longLabel}.${longLabel}.${longLabel}.example`;

test.each([
  "ada@example.com",
  "ada.lovelace+cdn@mail.example.co.uk",
  "!#$%&'*+/=?^_`{|}~-@example.com",
  '"ada lovelace"@example.com',
  '"a@b, c"@example.com',
  '"say \\"hi\\" \\\\"@example.com',
  '""@example.com',
  "ada@xn--bcher-kva.example",
  "ada@example.xn--p1ai",
  "ada@[192.0.2.1]",
  "ada@[IPv6:2001:db8::1]",
  `${"a".repeat(64)}@example.com`,
  `${"a".repeat(54)}@${longDomain}`,
])("%s is an e-mail address", (text) => {
  expect(isEmailAddress(text)).toBe(true);
});

test.each([
  "",
  "ada",
  "@example.com",
  "ada@",
  "ada@example",
  "ada@@example.com",
  "a b@example.com",
  ".ada@example.com",
  "ada.@example.com",
  "a..b@example.com",
  '"unfinished@example.com',
  '"a"b"@example.com',
  '"tab\there"@example.com',
  '"nul\0"@example.com',
  "ädä@example.com",
  "ada@-example.com",
  "ada@example-.com",
  "ada@exa_mple.com",
  "ada@example..com",
  "ada@example.com.",
  "ada@192.0.2.1",
  "ada@[192.0.2.1",
  "ada@example.com\r\nBcc: eve@example.com",
  "Ada <ada@example.com>",
  "ada@example.com,eve@example.com",
  `${"a".repeat(65)}@example.com`,
  `ada@${"a".repeat(64)}.example`,
  `${"a".repeat(56)}@${longDomain}`,
])("%j is none", (text) => {
  expect(isEmailAddress(text)).toBe(false);
});

test("one mailbox is written one way: the domain in ASCII and lower case, the local part untouched", () => {
  expect(normaliseEmail("Ada@Example.COM")).toBe("Ada@example.com");
  expect(normaliseEmail("ada@BÜCHER.example")).toBe("ada@xn--bcher-kva.example");
  expect(normaliseEmail("ada@bücher。example")).toBe("ada@xn--bcher-kva.example");
  expect(normaliseEmail('"x@y"@пример.рф')).toBe('"x@y"@xn--e1afmkfd.xn--p1ai');
  expect(isEmailAddress(normaliseEmail("ada@exa mple。com"))).toBe(false);
  expect(isEmailAddress(normaliseEmail("no address at all"))).toBe(false);
});
