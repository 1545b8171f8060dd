// The usual way to run many customers on nginx: a server block for each, and a reload per change. The same nginx, the same
// machine; the change is one block's answer.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "undici";
import { pickPort } from "../../platform/embedded/ports.ts";
import { testNginx } from "../../platform/embedded/test-services.ts";
import { temporaryFolder } from "../system/product.ts";
import { type Summary, summarise } from "./percentiles.ts";

const CHANGES = 3;
const POLL_MS = 2;
const DONE_TIMEOUT_MS = 120_000;

export async function measureServerBlocks(
  distributions: number,
): Promise<{ distributions: number; reload_to_served_ms: Summary }> {
  const nginx = await testNginx();
  const folder = await temporaryFolder("bench-server-blocks");
  const port = await pickPort();
  await mkdir(join(folder.path, "logs"));
  await writeConfiguration(folder.path, port, distributions, "0");
  const [program = "", ...args] = [
    ...nginx.command,
    "-p",
    `${folder.path}/`,
    "-e",
    "logs/error.log",
    "-c",
    "nginx.conf",
    "-g",
    "daemon off;",
  ];
  const master = spawn(program, args, { stdio: "inherit" });
  const ended = once(master, "exit");
  const seen = () => answerOf(port);
  try {
    await until(async () => (await seen()) === "0");
    const timesMs: number[] = [];
    for (let change = 1; change <= CHANGES; change += 1) {
      await writeConfiguration(folder.path, port, distributions, String(change));
      const startedAt = performance.now();
      process.kill(Number(await readFile(join(folder.path, "nginx.pid"), "utf8")), "SIGHUP");
      await until(async () => (await seen()) === String(change));
      timesMs.push(performance.now() - startedAt);
    }
    return { distributions, reload_to_served_ms: summarise(timesMs) };
  } finally {
    master.kill("SIGTERM");
    await ended;
    await folder.remove();
  }
}

async function writeConfiguration(folder: string, port: number, distributions: number, answer: string): Promise<void> {
  const block = (index: number) =>
    `server { listen 127.0.0.1:${port}; server_name d${index}.bench.example.com; location / { proxy_pass http://127.0.0.1:9; } }\n`;
  const changing = `server { listen 127.0.0.1:${port}; server_name changing; location / { return 200 "${answer}"; } }\n`;
  const blocks = Array.from({ length: distributions }, (_, index) => block(index)).join("");
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${name};\n`)
    .join("");
  const http = `${folders}server_names_hash_max_size 65536; access_log off;\n${changing}${blocks}`;
  await writeFile(join(folder, "nginx.conf"), `pid nginx.pid; error_log logs/error.log; events {} http {\n${http}}\n`);
}

async function answerOf(port: number): Promise<string | undefined> {
  const answer = await request(`http://127.0.0.1:${port}/`, {
    headers: { host: "changing" },
    reset: true,
  }).catch(() => undefined);
  return answer?.body.text();
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + DONE_TIMEOUT_MS;
  while (!(await done())) {
    if (performance.now() > giveUpAt) throw new Error("nginx with server blocks did not answer in time");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
