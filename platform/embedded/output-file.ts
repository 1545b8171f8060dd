// The lines that a child process prints, kept in a file of bounded size: at the limit the file becomes `.1`.
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const FILE_BYTES_MAX = 10 * 1024 * 1024;

export interface OutputFile {
  write(line: string): void;
  close(): void;
}

export function openOutputFile(path: string): OutputFile {
  mkdirSync(dirname(path), { recursive: true });
  let descriptor = openSync(path, "a", 0o600);
  let bytes = fstatSync(descriptor).size;
  let open = true;

  function turnOver(): void {
    closeSync(descriptor);
    renameSync(path, `${path}.1`);
    descriptor = openSync(path, "a", 0o600);
    bytes = 0;
  }

  return {
    write(line) {
      if (!open) return;
      try {
        if (bytes >= FILE_BYTES_MAX) turnOver();
        bytes += writeSync(descriptor, `${line}\n`);
      } catch {
        // A full disk costs the child's log lines, never the child.
      }
    },
    close() {
      if (!open) return;
      open = false;
      closeSync(descriptor);
    },
  };
}
