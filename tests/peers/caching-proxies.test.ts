// Each of the other caches starts from Debian's packages, answers what may be kept from its cache, logs, and is gone
// afterwards: what is compared with them is compared with caches that work.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startTestOrigin } from "../../openresty/test-origin.ts";
import { eventually } from "../system/api.ts";
import { type CachingProxyName, startCachingProxy } from "./caching-proxy.ts";

/** Some write their log by the buffer, of about twenty lines, and begin a while after they serve. */
const AT_ONCE = 30;
const LOGGED_WITHIN_MS = 20_000;
const names: readonly CachingProxyName[] = ["nginx", "varnish", "traffic-server", "squid"];

test.each(names)("%s answers from its cache, logs, and leaves nothing behind", async (name) => {
  const origin = await startTestOrigin();
  origin.handle((_, response) => {
    response.writeHead(200, { "cache-control": "max-age=60", "content-length": "4" }).end("kept");
  });
  const proxy = await startCachingProxy(name, { originPort: origin.port, core: 0 });
  try {
    expect(proxy.version).toMatch(/^\d+\.\d+/);
    const askOften = async () => {
      for (let asked = 0; asked < AT_ONCE; asked += 1) {
        const answer = await fetch(`http://127.0.0.1:${proxy.port}/page`);
        expect(await answer.text()).toBe("kept");
      }
    };
    await eventually(async () => {
      await askOften();
      const log = await readFile(join(proxy.folder, "access.log"), "utf8");
      const line = log.split("\n").find((text) => text.includes('"GET"')) ?? "null";
      expect(JSON.parse(line)).toMatchObject({ method: "GET", status: 200, client: "127.0.0.1" });
    }, LOGGED_WITHIN_MS);
    const before = origin.seen.length;
    await askOften();
    expect(origin.seen).toHaveLength(before);
  } finally {
    await proxy.stop();
    await origin.stop();
  }
  expect(existsSync(proxy.folder)).toBe(false);
});
