// Ports are tried for real, on loopback.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { assertPortFree, onFreePort, pickPort } from "./ports.ts";
import { StartError } from "./start-error.ts";

async function listen(port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  return { server, port: address.port };
}

function portFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "edgewright-ports-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "port");
}

test("a taken port is an error that names the process and the setting", async () => {
  const { port } = await listen();
  const asserting = assertPortFree({ port, setting: "API_PORT", host: "127.0.0.1" });
  await expect(asserting).rejects.toThrow(StartError);
  await expect(asserting).rejects.toThrow(
    new RegExp(
      `^Port ${port} is taken by process ${process.pid} \\(.+\\): stop it, or set API_PORT to another port\\.$`,
    ),
  );
});

test("a free port is free over TCP and UDP", async () => {
  const port = await pickPort();
  await assertPortFree({ port, setting: "EDGE_HTTPS_PORT", host: "127.0.0.1" });
  await assertPortFree({ port, setting: "EDGE_HTTPS_PORT", host: "127.0.0.1", protocol: "udp" });
});

test("a stored port is taken again, and left alone while somebody holds it", async () => {
  const file = portFile();
  const port = await pickPort(file);
  expect(await pickPort(file)).toBe(port);
  await listen(port);
  expect(await pickPort(file)).not.toBe(port);
});

test("a spoilt port file is no port", async () => {
  const file = portFile();
  writeFileSync(file, "not a port");
  expect(await pickPort(file)).toBeGreaterThan(0);
});

test("a service whose port was taken in the last moment is started on another one", async () => {
  const tried: number[] = [];
  const port = await onFreePort(portFile(), async (candidate) => {
    tried.push(candidate);
    if (tried.length > 1) return candidate;
    await listen(candidate);
    throw new StartError("sample ended before it was ready. It said: Address already in use");
  });
  expect(tried).toHaveLength(2);
  expect(port).not.toBe(tried[0]);
});
