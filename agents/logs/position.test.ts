// How far the access log was sent, noted on a disk that is full.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { maySplitOff, onSmallDisk } from "../test-small-disk.ts";

const SCRIPT = fileURLToPath(new URL("./position.fixture.ts", import.meta.url));

test.runIf(maySplitOff)(
  "each position is found again on a full disk, and one that was torn gives way to the last whole one",
  async () => {
    const disk = await mkdtemp(join(tmpdir(), "edgewright-position-"));
    onTestFinished(() => rm(disk, { recursive: true }));
    const [program = "", ...args] = onSmallDisk(disk, 1024, [process.execPath, "--import", "tsx", SCRIPT, disk]);
    expect(JSON.parse(execFileSync(program, args, { encoding: "utf8" }))).toEqual({
      "with room": 1,
      "on a full disk": [2, 3, 4],
      "the newest is torn": 3,
      "with room again, and the spares gone": 7,
      "the file was removed": 0,
    });
  },
);
