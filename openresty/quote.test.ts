// Hostile texts through the templates' `quote` and a real nginx: each comes back as it was, and none is ever read as
// configuration. One nginx for all of them.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "undici";
import { expect, test } from "vitest";
import { compileTemplate } from "../edge-templates/template.ts";
import { dieWithParent } from "../platform/embedded/program.ts";
import { testNginx } from "../platform/embedded/test-services.ts";

const GENERATED = 400;
const READY_WITHIN_MS = 10_000;

const PIECES = [
  ...[
    '"',
    "'",
    "\\",
    "$",
    "\u0024{",
    "}",
    "{",
    ";",
    "#",
    "\n",
    "\r\n",
    "\t",
    " ",
    "`",
    "%",
    "~",
    "*",
    "^",
    "(",
    ")",
    "@",
    "=",
  ],
  ...[
    "$host",
    "\u0024{host}",
    "$1",
    "\u0024{literal_dollar}",
    "\\n",
    "\\$",
    '\\"',
    "; return 500",
    "} location / {",
    "include /etc/passwd;",
  ],
  ...["a", "é", "漢", "\u007f", "\u0001", "\u001b[0m", "\u2028", "��", "{{int x}}", "{{{x}}}", "lua_block { error() }"],
];

const FIXED = [
  ...[
    "",
    " ",
    '"',
    '\\"',
    "\\",
    "\\\\",
    "$",
    "$$",
    "\u0024{",
    "\u0024{}",
    "$1$2",
    "a$",
    "$literal_dollar",
    '"; return 500; #',
    "';",
  ],
  ...[
    "\n",
    "\r\n\r\n",
    "#",
    "a # b",
    "{}",
    "}",
    "text; }\n}\nserver {",
    "\\x41",
    "%00",
    "x".repeat(3900),
    "$".repeat(200),
    "\\".repeat(501),
  ],
];

/** Always the same texts: a fault can be looked at again. */
function generatedTexts(count: number): string[] {
  let seed = 0x9e3779b9;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const piece = () => PIECES[next(PIECES.length)] ?? "";
  return Array.from({ length: count }, () => Array.from({ length: 1 + next(8) }, piece).join(""));
}

const configuration = compileTemplate<{ folder: string; texts: readonly { place: number; text: string }[] }>(
  "hostile.hbs",
  `daemon off; pid nginx.pid; worker_processes 1;
events {}
http {
  access_log off;
  geo $literal_dollar { default "$"; }
  client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server {
    listen unix:test.sock;
{{#each texts}}    location = /{{int place}} { return 200 {{quote text}}; }
{{/each}}  }
}
`,
);

test("every text comes back as it was", async () => {
  const texts = [...FIXED, ...generatedTexts(GENERATED)].map((text, place) => ({ place, text }));
  const { command } = await testNginx();
  const folder = await mkdtemp(join(tmpdir(), "edgewright-quote-"));
  const argv = [...command, "-p", `${folder}/`, "-e", "error.log", "-c", "nginx.conf"];
  await writeFile(join(folder, "nginx.conf"), configuration({ folder, texts }));
  const [program = "", ...args] = argv;
  const tried = spawnSync(program, [...args, "-t"], { cwd: folder, encoding: "utf8" });
  expect([tried.status, tried.stderr.split("\n")[0]]).toEqual([0, expect.stringContaining("syntax is ok")]);

  const [parented = "", ...rest] = [...dieWithParent("SIGTERM"), ...argv];
  const nginx = spawn(parented, rest, { cwd: folder, stdio: "ignore" });
  const client = new Client("http://localhost", { socketPath: join(folder, "test.sock"), connect: { timeout: 1_000 } });
  try {
    await untilAnswers(client);
    const answers: { place: number; text: string }[] = [];
    for (const { place } of texts) {
      const { body } = await client.request({ method: "GET", path: `/${place}` });
      answers.push({ place, text: Buffer.from(await body.arrayBuffer()).toString("utf8") });
    }
    expect(answers).toEqual(texts);
  } finally {
    await client.destroy();
    const exited = once(nginx, "exit");
    nginx.kill("SIGTERM");
    await exited;
    await rm(folder, { recursive: true, force: true });
  }
});

async function untilAnswers(client: Client): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    const reply = await client.request({ method: "GET", path: "/0" }).catch(() => undefined);
    if (reply !== undefined) return reply.body.dump();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("nginx did not answer");
}
