import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { linkIn } from "../../mail/test-mail-server.ts";
import { createTestPeople, PASSWORD, type TestPeople } from "../test-people.ts";

const NEW = "battery-staple-2";

let people: TestPeople;
beforeAll(async () => {
  people = await createTestPeople();
});
afterAll(() => people.stop());

const linkOfNextMail = async () => {
  const [mail] = await people.work();
  if (mail === undefined) throw new Error("no mail was sent");
  return linkIn(mail);
};

async function open(link: URL): Promise<{ status: number; headers: Headers; html: string }> {
  const reply = await fetch(link, { signal: AbortSignal.timeout(10_000) });
  return { status: reply.status, headers: reply.headers, html: await reply.text() };
}

/** What a browser does when the button is pressed. */
async function press(link: URL, html: string, typed: Record<string, string> = {}) {
  const action = /<form method="post" action="([^"]+)">/.exec(html)?.[1];
  const token = /name="token" value="([^"]+)"/.exec(html)?.[1];
  if (action === undefined || token === undefined) throw new Error("the page has no form");
  const reply = await fetch(new URL(action, link), {
    method: "POST",
    body: new URLSearchParams({ token, ...typed }),
    signal: AbortSignal.timeout(10_000),
  });
  return { status: reply.status, html: await reply.text() };
}

test("the link of a mail shows a button, however often it is looked at; the button confirms the address", async () => {
  const { token } = await people.register("ada");
  const link = await linkOfNextMail();
  await open(link);
  const { status, html } = await open(link);
  expect(status).toBe(200);
  expect(html).toContain("Is ada@example.com yours?");
  const profile = async () => (await people.ask("GET", "/auth/profile", { token })).body;
  expect(await profile()).toMatchObject({ email_verified: false });
  const pressed = await press(link, html);
  expect([pressed.status, pressed.html]).toEqual([200, expect.stringContaining("Your address is confirmed")]);
  expect(await profile()).toMatchObject({ email_verified: true });
  const again = await open(link);
  expect([again.status, again.html]).toEqual([410, expect.stringContaining("The link was used already")]);
});

test("a new password is chosen on the page, which says what is wrong with a weak one", async () => {
  await people.register("grace");
  await people.work();
  await people.ask("POST", "/auth/forgot-password", { body: { email: "grace@example.com" } });
  const link = await linkOfNextMail();
  const { html } = await open(link);
  const weak = await press(link, html, { password: "lettersonly" });
  expect(weak.html).toContain("It must have a letter and a digit.");
  const chosen = await press(link, weak.html, { password: NEW });
  expect(chosen.html).toContain("Your password is changed");
  await people.logIn("grace", NEW);
  await expect(people.logIn("grace", PASSWORD)).rejects.toMatchObject({ kind: { status: 401 } });
});

test("a broken link is a page too", async () => {
  for (const path of ["/verify-email", "/reset-password?token=", "/reset-password?token=%3Cscript%3E"]) {
    const { status, headers, html } = await open(new URL(path, people.url));
    expect([status, headers.get("content-type")]).toEqual([410, "text/html; charset=utf-8"]);
    expect(html).not.toContain("<script");
  }
});

test("a page loads nothing but its own style, sends its form nowhere else, and no script runs in it", async () => {
  await people.register("linus");
  const link = await linkOfNextMail();
  const { headers, html } = await open(link);
  const style = /<style>([\s\S]*)<\/style>/.exec(html)?.[1] ?? "";
  const hash = createHash("sha256").update(style).digest("base64");
  expect(headers.get("content-security-policy")).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  );
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
});
