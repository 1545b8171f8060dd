// The link to the country file: made, moved, taken away; a file that is not there ends the start with its name.
import { mkdir, mkdtemp, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { linkCountryFile } from "./country-file.ts";

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "edgewright-countries-"));
  onTestFinished(() => rm(home, { recursive: true }));
  await mkdir(join(home, "local"));
});

const link = () => readlink(join(home, "local", "countries.mmdb"));

test("it leads where the setting says, and goes when the setting goes", async () => {
  for (const name of ["one", "other"]) {
    await writeFile(join(home, name), "");
    await linkCountryFile(home, join(home, name));
    expect(await link()).toBe(join(home, name));
  }
  await linkCountryFile(home, undefined);
  await expect(link()).rejects.toThrow(/ENOENT/);
});

test("a file that cannot be read is said by the setting's name", async () => {
  await expect(linkCountryFile(home, join(home, "nowhere"))).rejects.toThrow(/GEOIP_DB: .*nowhere cannot be read/);
});
