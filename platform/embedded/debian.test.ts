// The Debian tools: where they come from, that they run, and what is said when they cannot be fetched.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "../log.ts";
import { openDebianTools } from "./debian.ts";
import { debianMirror } from "./debian-mirror.ts";
import { installedNginx } from "./nginx.ts";
import { pickPort } from "./ports.ts";
import { runProgram } from "./program.ts";
import { testNginx, testTools } from "./test-services.ts";

const log = createLogger({ role: "test", level: "silent" });

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "edgewright-debian-test-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function aptFolder(files: Readonly<Record<string, string>>): string {
  const path = folder();
  mkdirSync(join(path, "sources.list.d"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

async function outputOf(command: readonly string[]): Promise<string> {
  return (await runProgram(command, { timeoutMs: 10_000 })).output;
}

test("the mirror is the one that the machine's apt uses, in either style of source file", () => {
  const oneLine =
    "# deb http://old.example/debian x main\ndeb [arch=amd64 signed-by=/k] https://mirror.corp.example/debian/ bookworm main\n";
  expect(debianMirror(aptFolder({ "sources.list": oneLine }))).toBe("https://mirror.corp.example/debian/");
  const deb822 = `Types: deb deb-src
# URIs: http://old.example/debian
URIs: http://mirror.corp.example/debian-security http://mirror.corp.example/debian
Suites: bookworm

Enabled: no
Types: deb
URIs: http://off.example/debian
`;
  expect(debianMirror(aptFolder({ "sources.list.d/debian.sources": deb822 }))).toBe(
    "http://mirror.corp.example/debian",
  );
});

test("other people's archives are no Debian mirror", () => {
  const others =
    "deb https://deb.nodesource.com/node_20.x nodistro main\ndeb http://deb.debian.org/debian-security bookworm-security main\n";
  expect(debianMirror(aptFolder({ "sources.list.d/others.list": others }))).toBe("http://deb.debian.org/debian");
});

test("the tools run with their own libraries: nginx with Lua and HTTP/3, curl with HTTP/3, Redis, Pebble, LuaJIT", async () => {
  const tools = await testTools();
  expect((await testNginx()).capabilities).toEqual({
    nginx: expect.stringMatching(/^1\.\d+/),
    http3: true,
    balancer_keepalive: true,
    brotli: true,
  });
  expect(await outputOf([...tools.command("curl"), "--version"])).toMatch(/HTTP3/);
  expect(await outputOf([...tools.command("redis-server"), "--version"])).toMatch(/Redis server v=/);
  expect(await outputOf([...tools.command("pebble"), "-version"])).toMatch(/[Pp]ebble/);
  expect(await outputOf([...tools.command("luajit"), "-e", "print(jit.version)"])).toMatch(/LuaJIT 2/);
});

test("an unreachable mirror is one sentence with the way out, and leaves nothing behind", async () => {
  const path = folder();
  const mirror = `http://127.0.0.1:${await pickPort()}/debian`;
  await expect(openDebianTools({ folder: path, mirror, log })).rejects.toThrow(
    new RegExp(`^nginx and Redis could not be fetched from ${mirror} \\(.+\\): check the network, or name a mirror`),
  );
  expect(readdirSync(path)).toEqual([]);
});

test("a path that is no nginx is one sentence with the way out", async () => {
  await expect(installedNginx("/no/such/nginx")).rejects.toThrow(
    /^NGINX_PATH names \/no\/such\/nginx, which is no program/,
  );
  await expect(installedNginx("/bin/true")).rejects.toThrow(/does not run as an nginx .*: correct NGINX_PATH/);
});
