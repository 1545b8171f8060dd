import { randomUUID } from "node:crypto";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../../platform/log.ts";
import type { Letter } from "./letter.ts";
import { createMailer } from "./mailer.ts";
import { startTestMailServer, type TestMailServer } from "./test-mail-server.ts";

const FROM = "Edgewright <no-reply@cdn.example>";
const letter: Letter = {
  to: "ada@example.com",
  subject: "Confirm your address",
  paragraphs: ["Hello Ada & <friends>,", "is this yours? Größe 5 €."],
  action: { label: "Confirm", url: "https://cdn.example/verify-email?token=abc" },
  closing: "If not, forget about it.",
};

let server: TestMailServer;
let now: Date;
let logged: string;

beforeAll(async () => {
  server = await startTestMailServer();
});
afterAll(() => server.stop());
beforeEach(() => {
  now = new Date("2026-03-01T12:00:00Z");
  logged = "";
});

function mailer(smtpUrl: string | undefined, authority?: string) {
  const destination = new PassThrough();
  destination.on("data", (chunk: Buffer) => {
    logged += chunk.toString("utf8");
  });
  const log = createLogger({ role: "test", level: "info", destination });
  return createMailer({ smtpUrl, authority, from: FROM, log, clock: () => now });
}
const about = () => ({ id: randomUUID(), signal: AbortSignal.timeout(10_000) });

test("a letter arrives as plain text and as HTML, each with its words and its link", async () => {
  const arrived = server.next();
  const { id, signal } = about();
  await mailer(server.url).send(letter, { id, signal });
  const { from, to, content } = await arrived;
  expect([from, to]).toEqual(["no-reply@cdn.example", ["ada@example.com"]]);
  expect(content).toContain(`Message-ID: <${id}@cdn.example>`);
  expect(content).toContain("Auto-Submitted: auto-generated");
  expect(content).toContain("Subject: Confirm your address");
  expect(content).toContain("multipart/alternative");
  expect(content).toContain("Hello Ada & <friends>,");
  expect(content).toContain("Hello Ada &amp; &lt;friends&gt;,");
  expect(content.match(/is this yours\? Größe 5 €\./g)).toHaveLength(2);
  expect(content).toContain("Confirm:\r\nhttps://cdn.example/verify-email?token=abc");
  // Handlebars writes = as an entity; every reader reads it as =.
  expect(content).toContain('<a href="https://cdn.example/verify-email?token&#x3D;abc"');
});

test("an address is one address, whatever it looks like", async () => {
  for (const [to, shown] of [
    ['"eve,ada"@example.com', '"eve,ada"@example.com'],
    // This server tells us the domain as people write it.
    ["a+b@xn--bcher-kva.example", "a+b@bücher.example"],
  ] as const) {
    const arrived = server.next();
    await mailer(server.url).send({ ...letter, to }, about());
    expect((await arrived).to).toEqual([shown]);
  }
});

test("words of the letter cannot become headers", async () => {
  const arrived = server.next();
  await mailer(server.url).send({ ...letter, subject: "Hello\r\nBcc: eve@example.com" }, about());
  const { to, content } = await arrived;
  expect(to).toEqual(["ada@example.com"]);
  const headers = content.slice(0, content.indexOf("\r\n\r\n"));
  expect(headers).toContain("Subject: Hello Bcc: eve@example.com");
  expect(headers).not.toMatch(/^Bcc:/m);
});

test("a server that says 451 gets the letter later, one that says 550 never again", async () => {
  const sender = mailer(server.url);
  server.refuse(451, 550);
  await expect(sender.send(letter, about())).rejects.toThrow("could not be handed over yet");
  await sender.send(letter, about());
  expect(logged).toContain("a mail was refused for good");
  const arrived = server.next();
  await sender.send(letter, about());
  await arrived;
});

test("a server that is not there is left alone for half a minute", async () => {
  const gone = await startTestMailServer();
  const port = Number(new URL(gone.url).port);
  await gone.stop();
  const sender = mailer(gone.url);
  await expect(sender.send(letter, about())).rejects.toThrow("could not be handed over yet");
  const back = await startTestMailServer({ port });
  try {
    await expect(sender.send(letter, about())).rejects.toThrow("a moment ago");
    expect(back.connections()).toBe(0);
    now = new Date(now.getTime() + 30_000);
    const arrived = back.next();
    await sender.send(letter, about());
    await arrived;
  } finally {
    await back.stop();
  }
});

test("who logs in does so behind STARTTLS, with a certificate that is believed", async () => {
  const strict = await startTestMailServer({ user: "cdn@example.com", password: "p@ss:word/1" });
  try {
    const url = new URL(strict.url);
    url.username = encodeURIComponent("cdn@example.com");
    url.password = encodeURIComponent("p@ss:word/1");
    const arrived = strict.next();
    await mailer(url.href, strict.certificate).send(letter, about());
    expect(await arrived).toMatchObject({ user: "cdn@example.com", isEncrypted: true });
    await expect(mailer(url.href).send(letter, about())).rejects.toThrow();
    url.password = "wrong";
    await expect(mailer(url.href, strict.certificate).send(letter, about())).rejects.toThrow("not be handed over");
    expect(strict.received).toHaveLength(1);
  } finally {
    await strict.stop();
  }
});

test("a password is not sent where others can read along", async () => {
  const open = await startTestMailServer({ user: "cdn", password: "secret", isOpen: true });
  try {
    const { port } = new URL(open.url);
    // The same server, by a name that does not look like this machine.
    const elsewhere = `smtp://cdn:secret@[::ffff:127.0.0.1]:${port}`;
    await expect(mailer(elsewhere).send(letter, about())).rejects.toThrow("not be handed over");
    expect(open.received).toHaveLength(0);
    const arrived = open.next();
    await mailer(`${elsewhere}?requireTLS=false`).send(letter, about());
    expect(await arrived).toMatchObject({ user: "cdn", isEncrypted: false });
  } finally {
    await open.stop();
  }
});

test("without a server the link is in the log", async () => {
  await mailer(undefined).send(letter, about());
  expect(JSON.parse(logged)).toMatchObject({
    level: "info",
    to: "ada@example.com",
    link: "https://cdn.example/verify-email?token=abc",
  });
});
