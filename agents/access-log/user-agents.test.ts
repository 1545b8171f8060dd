import { expect, test } from "vitest";
import { createUserAgentFamilies, userAgentFamilies } from "./user-agents.ts";

const familyOf = createUserAgentFamilies();
const webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";

test.each([
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/126.0.0.0 Safari/537.36`, "Chrome"],
  [`Mozilla/5.0 (Windows NT 10.0) ${webkit} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0`, "Microsoft Edge"],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox"],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Safari",
  ],
  ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"],
  [`Mozilla/5.0 ${webkit}; compatible; GPTBot/1.2; +https://openai.com/gptbot`, "GPTBot"],
  ["Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "other bot"],
  [
    `Mozilla/5.0 (Linux; Android 6.0.1) ${webkit} Chrome/126 Mobile Safari/537.36 (compatible; SomeNewBot/1.0)`,
    "other bot",
  ],
  ["curl/8.5.0", "curl"],
  ["Wget/1.21", "Wget"],
  ["python-requests/2.31", "python-requests"],
  ["AppleCoreMedia/1.0.0.21F79 (iPhone; U; CPU OS 17_5 like Mac OS X; en_us)", "AppleCoreMedia"],
  ["Lavf/60.3.100", "Lavf"],
  ["Somebody's own program", "other"],
  ["", ""],
])("%s is %s", (text, family) => {
  expect(familyOf(text)).toBe(family);
});

test("whatever is sent, the word is one of a closed list", () => {
  const hostile = ["constructor/1", "__proto__", "\u0000", "(".repeat(9_000), "Chrome/".repeat(2_000), "🦊/1.0 bot"];
  for (const text of hostile) expect(userAgentFamilies).toContain(familyOf(text));
});
