// Validation over the whole way: two customers who claim one name, a real name server, a real edge, and viewers who come all
// the time.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answerOf } from "../../client/index.ts";
import { parseDnsServer } from "../../platform/dns/server-address.ts";
import { createZoneUpdater, type ZoneUpdater } from "../../platform/dns/update.ts";
import { type Knot, startKnot } from "../peers/knot.ts";
import { apiAt, createDistribution, eventually, register } from "./api.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { PROGRAM, type Product, productEnvironment, startProduct, temporaryFolder } from "./product.ts";
import { view } from "./viewer.ts";

const DOMAIN = "shop.example.com";
const KEY = { algorithm: "hmac-sha256", name: "updates", secret: randomBytes(32) } as const;
const run = promisify(execFile);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let knot: Knot;
let zone: ZoneUpdater;
let product: Product;
let origins: readonly [Origin, Origin];
let first: Awaited<ReturnType<typeof register>>;
let second: typeof first;

beforeAll(async () => {
  folder = await temporaryFolder("validation");
  origins = [await startOrigin(), await startOrigin()];
  for (const [index, origin] of origins.entries()) origin.answer(() => ({ body: `origin ${index}` }));
  knot = await startKnot({
    zones: {
      "example.com": { records: ["shop 60 A 127.0.0.1"] },
      "edgewright.localhost": { records: ["*.cdn 60 A 127.0.0.1"] },
    },
    key: KEY,
  });
  const server = parseDnsServer(knot.address);
  if (server === undefined) throw new Error("the name server has an address");
  zone = createZoneUpdater({ server, tsig: KEY, zone: "example.com" });
  const env = await productEnvironment(folder.path);
  product = await startProduct({
    ...env,
    ...{ DNS_SERVERS: knot.address, VALIDATION_HTTP_PORT: env.EDGE_HTTP_PORT ?? "" },
  });
  [first, second] = [await register(apiAt(product.apiUrl)), await register(apiAt(product.apiUrl))];
});

afterAll(async () => {
  await product?.stop();
  await knot?.stop();
  for (const origin of origins ?? []) await origin.stop();
  await folder?.remove();
});

async function validationOf({ client }: typeof first, id: string) {
  return answerOf(await client.GET("/api/v1/distributions/{id}/validation", { params: { path: { id } } }));
}

async function validate({ client }: typeof first, id: string) {
  return answerOf(await client.POST("/api/v1/distributions/{id}/validate", { params: { path: { id } } }));
}

const distributionOf = async ({ client }: typeof first, id: string) =>
  answerOf(await client.GET("/api/v1/distributions/{id}", { params: { path: { id } } }));

test("a name that leads to the edge is seen to, answers for an authority, and moves to whom proves it, under viewers", async () => {
  const mine = await createDistribution(first, DOMAIN, origins[0].url);
  await eventually(async () => expect((await view(product.edge, DOMAIN, "/")).body).toBe("origin 0"));
  // Nobody asks for it: a name that was just claimed is looked at, and again a minute after something was amiss.
  await eventually(async () => {
    const { status, checks } = await validationOf(first, mine.id);
    expect(status, JSON.stringify(checks)).toBe("valid");
  }, 90_000);
  expect(await distributionOf(first, mine.id)).toMatchObject({ is_cname_valid: true, is_acme_challenge_valid: true });

  const theirs = await createDistribution(second, DOMAIN, origins[1].url);
  const waiting = await eventually(async () => {
    const validation = await validationOf(second, theirs.id);
    expect(validation.checked_at).not.toBeNull();
    return validation;
  });
  expect(waiting.status).toBe("not_served");
  const records = waiting.checks.flatMap(({ records_to_add: toAdd }) => toAdd);
  const txt = records.find(({ type }) => type === "TXT");
  expect(txt?.name).toBe(`_edgewright.${DOMAIN}`);
  await zone.addTxt(txt?.name ?? "", txt?.value ?? "", 60);

  const bodies: string[] = [];
  const moved = (async () => {
    while (bodies.at(-1) !== "origin 1") {
      const { status, body } = await view(product.edge, DOMAIN, `/${bodies.length}`);
      expect(status).toBe(200);
      bodies.push(body);
    }
  })();
  expect(await validate(second, theirs.id)).toMatchObject({ is_serving: true, proof: "token", status: "valid" });
  await moved;
  expect(new Set(bodies)).toEqual(new Set(bodies.length === 1 ? ["origin 1"] : ["origin 0", "origin 1"]));
  await eventually(async () => {
    expect(await distributionOf(first, mine.id)).toMatchObject({
      ...{ status: "failed", status_reason: expect.stringContaining("another account"), is_cname_valid: false },
    });
    expect(await distributionOf(second, theirs.id)).toMatchObject({ status: "active", status_reason: null });
  });
  // Its own cname is served all the same.
  expect((await view(product.edge, mine.cname, "/still")).body).toBe("origin 0");
});

test("domain:validate says what is amiss, and the record that mends it", async () => {
  const { cname } = await createDistribution(second, "absent.example.com", origins[1].url);
  const env = { ...product.env, EDGEWRIGHT_URL: product.apiUrl, EDGEWRIGHT_TOKEN: second.token };
  const { stdout } = await run(process.execPath, [PROGRAM, "domain:validate", "absent.example.com"], { env });
  expect(stdout).toContain("There is no record of absent.example.com: add it.");
  expect(stdout).toContain(`add: absent.example.com CNAME ${cname}`);
  expect(stdout).toContain(`${knot.address}: absent.example.com A none`);
});
