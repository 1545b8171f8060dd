import { expect, test } from "vitest";
import { csvOf } from "./csv.ts";

test("a line of names, then one for each row, with CRLF", () => {
  expect(csvOf(["url", "requests"], [{ url: "/a", requests: 2 }, { url: "/b" }, { url: null, requests: 0 }])).toBe(
    "url,requests\r\n/a,2\r\n/b,\r\n,0\r\n",
  );
  expect(csvOf(["url"], [])).toBe("url\r\n");
});

test("commas, quotes and line breaks stay in their cell", () => {
  expect(csvOf(["url"], [{ url: 'a,"b"\r\nc' }])).toBe('url\r\n"a,""b""\r\nc"\r\n');
});

test.each(["=1+1", "+1", "-1", "@x", "\tx", "\rx"])("%j does not run in a spreadsheet", (url) => {
  expect(csvOf(["url"], [{ url }])).toMatch(/^url\r\n"?'/);
});
