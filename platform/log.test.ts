import { PassThrough } from "node:stream";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { createLogger, type Logger, withLogContext } from "./log.ts";

const SECRET = "correct-horse-battery-staple";

let logged: PassThrough;
let log: Logger;
beforeEach(() => {
  logged = new PassThrough();
  log = createLogger({ role: "test", level: "debug", destination: logged });
});

function line(): Record<string, unknown> {
  const text = String(logged.read());
  expect(text).not.toContain(SECRET);
  return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
}

const names = [
  "password",
  "current_password",
  "passwordHash",
  "token",
  "refreshToken",
  "enrolment_token",
  "token_hash",
  "secret",
  "s3_secret_key",
  "clientSecret",
  "S3_SECRET_ACCESS_KEY",
  "authorization",
  "Authorization",
  "Proxy-Authorization",
  "cookie",
  "set-cookie",
  "private_key",
  "privateKey",
  "MASTER_KEY",
  "signing_key",
  "data_key",
  "api_key",
  "x-api-key",
  "credentials",
  "recovery_codes",
  "otp",
  "DATABASE_URL",
  "redis_url",
  "SMTP_URL",
  "connectionString",
];

describe("never logged", () => {
  test.each(names)("is what is called %s, wherever it stands", async (name) => {
    log.info({ [name]: SECRET }, "top");
    expect(line()).toMatchObject({ [name]: "[redacted]" });
    log.info({ request: { headers: { [name]: SECRET } }, list: [{ [name]: [SECRET] }] }, "deep");
    expect(line()).toMatchObject({
      request: { headers: { [name]: "[redacted]" } },
      list: [{ [name]: "[redacted]" }],
    });
    await withLogContext({ [name]: SECRET }, async () => log.info("of the context"));
    expect(line()).toMatchObject({ [name]: "[redacted]" });
    log.error({ error: Object.assign(new Error("failed"), { options: { [name]: SECRET } }) }, "of an error");
    expect(line()).toMatchObject({ error: { message: "failed", options: { [name]: "[redacted]" } } });
  });

  test("are bytes, which are often keys", () => {
    log.info({ bytes: Buffer.from(SECRET), array: new TextEncoder().encode(SECRET) }, "bytes");
    expect(line()).toMatchObject({ bytes: "[redacted]", array: "[redacted]" });
  });

  test("are user and password within a URL, also in an error's text", () => {
    const url = `postgres://edgewright:${SECRET}@db.example:5432/edgewright`;
    log.warn({ url, parsed: new URL(url), error: new Error(`cannot reach ${url}`) }, "away");
    expect(line()).toMatchObject({
      url: "postgres://[redacted]@db.example:5432/edgewright",
      parsed: "postgres://[redacted]@db.example:5432/edgewright",
      error: { message: "cannot reach postgres://[redacted]@db.example:5432/edgewright" },
    });
  });

  test("is the row that Postgres shows when it breaks a constraint", () => {
    const error = Object.assign(new Error("violates check"), { detail: `Failing row contains (1, ${SECRET}).` });
    log.error({ error: Object.assign(new Error("insert"), { nativeError: error }) }, "refused");
    expect(line()).toMatchObject({ error: { nativeError: { detail: "[redacted]", message: "violates check" } } });
  });
});

describe("still logged", () => {
  test("is which token, secret or password it was, whether there is one, and how many", () => {
    const fields = { api_token_id: "t1", secretId: "s1", tokens: 3, password_changed_at: "now", has_secret: true };
    log.info({ ...fields, password: null }, "ids");
    expect(line()).toMatchObject({ ...fields, password: null, role: "test", level: "info", msg: "ids" });
  });

  test("is all else, unchanged", () => {
    const at = new Date("2026-03-01T12:00:00Z");
    log.info(
      { path: "/@scope/a?b=c", email: "ada@example.com", ms: 1.5, list: [1, null], none: undefined, at },
      "plain",
    );
    expect(line()).toMatchObject({
      path: "/@scope/a?b=c",
      email: "ada@example.com",
      ms: 1.5,
      list: [1, null],
      at: at.toISOString(),
    });
  });

  test("are an error's type, message, stack and cause, under any name, and an error alone", () => {
    const error = new TypeError("outer", { cause: new Error("inner") });
    log.error({ error, reason: error }, "failed");
    const expected = { type: "TypeError", message: "outer: inner", stack: expect.stringContaining("log.test.ts") };
    expect(line()).toMatchObject({ error: expected, reason: expected });
    log.error(error);
    expect(line()).toMatchObject({ err: expected });
  });
});

test("what is nested too deep, or within itself, ends", () => {
  const knot: Record<string, unknown> = { name: "knot" };
  knot.self = knot;
  log.info({ knot }, "knot");
  expect(JSON.stringify(line())).toContain("[too deep]");
});
