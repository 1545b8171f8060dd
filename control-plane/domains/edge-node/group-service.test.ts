import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { edgeGroupSettingsSchema } from "../../../edge-templates/index.ts";
import { createTestDatabase, type TestDatabase } from "../../database/test-database.ts";
import { inTransaction } from "../../database/transaction.ts";
import { platformActor } from "../../http/caller.ts";
import { createEdgeGroupInput, type EdgeGroupReply, patchEdgeGroupInput } from "./group-schema.ts";
import { createEdgeGroupService, type EdgeGroupService } from "./group-service.ts";
import { holdGroups, lockGroup } from "./group-store.ts";

const operator = { ...platformActor, userId: randomUUID() };
const nowhere = randomUUID();

let database: TestDatabase;
let groups: EdgeGroupService;
let uses = 0;
let count = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  groups = createEdgeGroupService({
    ...{ db: database.db, clock: () => new Date() },
    ...{ countUses: async () => uses, forgetSecrets: async () => {} },
  });
});
afterAll(() => database?.stop());

beforeEach(async () => {
  uses = 0;
  await database.db("edge_group").update({ is_canary: false });
  await database.db("outbox").delete();
});

function newName(): string {
  count += 1;
  return `group-${count}`;
}

function create(changes: object = {}): Promise<EdgeGroupReply> {
  return groups.create(operator, createEdgeGroupInput.parse({ name: newName(), ...changes }));
}

/** One that takes children. */
const createParent = () => create({ settings: { listeners: { parent: 8444 } } });

const update = (id: string, patch: object) => groups.update(operator, id, patchEdgeGroupInput.parse(patch));

async function jobs(): Promise<readonly unknown[]> {
  const rows: { job: string; payload: unknown }[] = await database.db("outbox").orderBy("seq");
  return rows.map(({ job, payload }) => [job, payload]);
}

const faultAt = (pointer: string, detail: RegExp) => ({
  errors: expect.arrayContaining([{ pointer, detail: expect.stringMatching(detail) }]),
});

test("whoever writes a group holds nobody up who only names it; whoever writes it too takes turns", async () => {
  const { id } = await create();
  await inTransaction(database.db, async (writer) => {
    await lockGroup(writer, id);
    const holding = inTransaction(database.db, async (tx) => {
      await tx.raw("set local lock_timeout = '5s'");
      return holdGroups(tx, [id]);
    });
    expect([...(await holding)]).toEqual([id]);
    const writing = inTransaction(database.db, async (tx) => {
      await tx.raw("set local lock_timeout = '50ms'");
      return lockGroup(tx, id);
    });
    await expect(writing).rejects.toMatchObject({ nativeError: { code: "55P03" } });
  });
});

describe("a group", () => {
  test("is whole with a name alone; a patch changes what it names, deep down, and starts its edges' trial", async () => {
    const made = await create({ settings: { cache: { zone_mb: 32 } } });
    expect(made).toMatchObject({ version: 1, is_canary: false, refused: [], capabilities: null });
    expect(made.settings).toEqual(edgeGroupSettingsSchema.parse({ cache: { zone_mb: 32 } }));
    expect(await jobs()).toEqual([]);

    const changed = await update(made.id, { settings: { workers: { count: 4 } } });
    expect(changed).toMatchObject({ version: 2, settings: { cache: { zone_mb: 32 }, workers: { count: 4 } } });
    expect(await jobs()).toEqual([["edge-group.changed", { group_id: made.id }]]);
    expect(await groups.get(made.id)).toEqual(changed);
  });

  test("is billed as of its region, which is a setting like others, and nowhere in particular until somebody says", async () => {
    const made = await create();
    expect(made.settings.region).toBe("other");
    await update(made.id, { settings: { region: "europe" } });
    expect(await update(made.id, { settings: { workers: { count: 4 } } })).toMatchObject({
      settings: { region: "europe", workers: { count: 4 } },
    });
  });

  test("that stays as it is gets no version and starts nothing; another name starts nothing either", async () => {
    const { id, name } = await create();
    expect(await update(id, { name, settings: { logs: { one_in: 1 } } })).toMatchObject({ version: 1 });
    expect(await update(id, { name: newName() })).toMatchObject({ version: 2 });
    expect(await jobs()).toEqual([]);
  });

  test("has a history with authors and differences, and goes back to any of it as a new version", async () => {
    const made = await create();
    await update(made.id, { settings: { logs: { one_in: 10 } } });
    const back = await groups.rollBack(operator, made.id, 1);
    expect(back).toMatchObject({ version: 3, settings: { logs: { one_in: 1 } } });
    const versions = await groups.versions(made.id, { before: undefined, limit: 10 });
    expect(versions.map(({ number, action }) => [number, action])).toEqual([
      [3, "edge-group.rollback"],
      [2, "edge-group.update"],
      [1, "edge-group.create"],
    ]);
    expect(versions[1]).toMatchObject({
      userId: operator.userId,
      changes: [{ pointer: "/settings/logs/one_in", before: 1, after: 10 }],
    });
    const audited: { action: string }[] = await database
      .db("audit_entry")
      .where({ resource_id: made.id })
      .orderBy("created_at");
    expect(audited.map(({ action }) => action)).toEqual([
      "edge-group.create",
      "edge-group.update",
      "edge-group.rollback",
    ]);
    await expect(groups.rollBack(operator, made.id, 9)).rejects.toMatchObject({
      detail: "The group has no version 9.",
    });
  });

  test("that is older than versions are has what it was as its first one", async () => {
    const id = randomUUID();
    await database
      .db("edge_group")
      .insert({ id, name: newName(), settings: { workers: { count: 2, connections: 512 } } });
    await update(id, { settings: { workers: { count: 3 } } });
    const versions = await groups.versions(id, { before: undefined, limit: 10 });
    expect(versions.map(({ number, userId }) => [number, userId])).toEqual([
      [2, operator.userId],
      [1, null],
    ]);
    expect(await groups.rollBack(operator, id, 1)).toMatchObject({
      settings: { workers: { count: 2, connections: 512 } },
    });
  });

  test("has a name of its own", async () => {
    const { name } = await create();
    await expect(create({ name })).rejects.toMatchObject({
      kind: { status: 409 },
      detail: expect.stringContaining(name),
    });
    const { id } = await create();
    await expect(update(id, { name })).rejects.toMatchObject({ kind: { status: 409 } });
    const both = await Promise.allSettled([create({ name: "at once" }), create({ name: "at once" })]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("is the canary alone", async () => {
    const first = await create({ is_canary: true });
    await expect(create({ is_canary: true })).rejects.toMatchObject({ detail: expect.stringContaining(first.name) });
    await update(first.id, { is_canary: false });
    expect(await create({ is_canary: true })).toMatchObject({ is_canary: true });
  });

  test("is deleted once nothing needs it", async () => {
    const parent = await createParent();
    const child = await create({ settings: { parent_group_id: parent.id } });
    await expect(groups.remove(operator, parent.id)).rejects.toMatchObject({
      detail: expect.stringContaining(child.name),
    });
    uses = 2;
    await expect(groups.remove(operator, child.id)).rejects.toMatchObject({ detail: expect.stringContaining("(2)") });
    uses = 0;
    await groups.remove(operator, child.id);
    await groups.remove(operator, parent.id);
    await expect(groups.get(parent.id)).rejects.toMatchObject({ kind: { status: 404 } });
  });

  test("is made or changed as a command says, and keeps what else it is", async () => {
    const settings = edgeGroupSettingsSchema.parse({ logs: { one_in: 4 } });
    const name = newName();
    const ensure = () => inTransaction(database.db, (tx) => groups.ensure(tx, { name, settings }));
    const made = await ensure();
    await update(made.id, { is_canary: true });
    expect(await ensure()).toMatchObject({ id: made.id, isCanary: true, configurationVersion: 2 });
  });
});

describe("a parent", () => {
  test("must be there, be another group, and have none itself; and whoever is one gets none", async () => {
    const [one, other, third] = [await createParent(), await createParent(), await createParent()];
    const parent = (id: string, parentId: string | null) => update(id, { settings: { parent_group_id: parentId } });
    const at = "/settings/parent_group_id";
    await expect(parent(one.id, nowhere)).rejects.toMatchObject(faultAt(at, /names no edge group/));
    await expect(parent(one.id, one.id)).rejects.toMatchObject(faultAt(at, /another group/));
    await parent(one.id, other.id);
    await expect(parent(third.id, one.id)).rejects.toMatchObject(faultAt(at, new RegExp(`which ${one.name} has`)));
    await expect(parent(other.id, third.id)).rejects.toMatchObject(faultAt(at, new RegExp(`parent of ${one.name}`)));
    await parent(one.id, null);
    expect(await parent(other.id, third.id)).toMatchObject({ settings: { parent_group_id: third.id } });
  });

  test("that is gone keeps the group from going back to it", async () => {
    const [child, parent] = [await createParent(), await createParent()];
    await update(child.id, { settings: { parent_group_id: parent.id } });
    await update(child.id, { settings: { parent_group_id: null } });
    await groups.remove(operator, parent.id);
    await expect(groups.rollBack(operator, child.id, 2)).rejects.toMatchObject(
      faultAt("/version", /names no edge group/),
    );
  });

  test("that changes moves what is kept to the group", async () => {
    const [child, parent] = [await createParent(), await createParent()];
    await update(child.id, { settings: { parent_group_id: parent.id } });
    expect(await jobs()).toContainEqual(["edge-group.placed", { group_id: child.id, after: null }]);
  });

  test("that two groups want of each other at once is had by one of them", async () => {
    const [one, other] = [await createParent(), await createParent()];
    const both = await Promise.allSettled([
      update(one.id, { settings: { parent_group_id: other.id } }),
      update(other.id, { settings: { parent_group_id: one.id } }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });
});

describe("settings", () => {
  test.each([
    ["a port twice", { listeners: { http: 443 } }, "/settings/listeners/https", /another port than http/],
    [
      "an address twice",
      { listeners: { host: "192.0.2.1", more_hosts: ["192.0.2.1"] } },
      "/settings/listeners/more_hosts/0",
      /twice/,
    ],
    [
      "one that is covered",
      { listeners: { more_hosts: ["192.0.2.1"] } },
      "/settings/listeners/more_hosts/0",
      /covered by 0\.0\.0\.0/,
    ],
    [
      "disks within each other",
      {
        cache: {
          disks: [
            { path: "/mnt/a", max_gb: 1 },
            { path: "/mnt/a/b", max_gb: 1 },
          ],
        },
      },
      "/settings/cache/disks/1/path",
      /within \/mnt\/a/,
    ],
  ])("with %s are refused where they are wrong", async (_what, settings, pointer, detail) => {
    const { id } = await create();
    await expect(update(id, { settings })).rejects.toMatchObject(faultAt(pointer, detail));
  });

  test.each([
    ["a path that nginx would read otherwise", { cache: { disks: [{ path: "/mnt/$x", max_gb: 1 }] } }],
    ["a path with a way up", { cache: { disks: [{ path: "/mnt/../etc", max_gb: 1 }] } }],
    ["a sample that has no exact share", { logs: { one_in: 3 } }],
    ["a field that there is not", { logs: { sampling: 3 } }],
  ])("with %s do not get that far", (_what, settings) => {
    expect(() => patchEdgeGroupInput.parse({ settings })).toThrow();
  });
});
