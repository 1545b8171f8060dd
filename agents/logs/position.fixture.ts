// A position file on a disk that is filled and emptied: prints what the next run would find. The disk's folder as argument.
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openPositionFile } from "./position.ts";

const [disk = ""] = process.argv.slice(2);
const path = join(disk, "shipped.json");
const filler = join(disk, "filler");

const found = async () => (await openPositionFile(path)).found.lost_lines;

async function noted(lost_lines: number): Promise<number> {
  const file = await openPositionFile(path);
  await file.write({ ...file.found, lost_lines });
  return await found();
}

/** As a power cut leaves it that has mixed two positions. */
async function tear(lost_lines: number): Promise<void> {
  const noted = `"lost_lines":${lost_lines}`;
  for (const spare of [`${path}.spare-0`, `${path}.spare-1`]) {
    const at = (await readFile(spare, "utf8")).indexOf(noted);
    if (at === -1) continue;
    const file = await open(spare, "r+");
    await file.write(noted.replace(`${lost_lines}`, "9"), at);
    await file.close();
  }
}

const withRoom = await noted(1);
await writeFile(filler, Buffer.alloc(8 * 1024 * 1024)).catch(() => {});
const onFullDisk = [await noted(2), await noted(3), await noted(4)];
await tear(4);
const torn = await found();
const file = await openPositionFile(path);
await file.write({ ...file.found, lost_lines: 5 });
await rm(filler);
await rm(`${path}.spare-0`);
await rm(`${path}.spare-1`);
await file.write({ ...file.found, lost_lines: 6 });
await file.write({ ...file.found, lost_lines: 7 });
const withRoomAgain = await found();
await rm(path);
const told = {
  "with room": withRoom,
  "on a full disk": onFullDisk,
  "the newest is torn": torn,
  "with room again, and the spares gone": withRoomAgain,
  "the file was removed": await found(),
};
process.stdout.write(JSON.stringify(told));
