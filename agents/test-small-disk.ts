// A small disk for a program alone, to be filled. Tests only.
import { execFileSync } from "node:child_process";

/** Where the machine lets a test have a disk of its own. */
export const maySplitOff = (() => {
  try {
    execFileSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** In a mount namespace that ends with the program: nothing is left on the machine. */
export function onSmallDisk(folder: string, kb: number, program: readonly string[]): string[] {
  const script = 'mkdir -p "$1" && mount -t tmpfs -o "size=$2k,mode=755" tmpfs "$1" && shift 2 && exec "$@"';
  return ["unshare", "-rm", "sh", "-c", script, "sh", folder, `${kb}`, ...program];
}
