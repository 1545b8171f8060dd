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
import { FIXED_TEXTS, generatedTexts } from "./test-hostile-texts.ts";

const GENERATED = 400;
const READY_WITHIN_MS = 10_000;

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
  const texts = [...FIXED_TEXTS, ...generatedTexts(GENERATED)]
    // nginx can hold no NUL: the writer refuses it.
    .filter((text) => !text.includes("\0"))
    .map((text, place) => ({ place, text }));
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
