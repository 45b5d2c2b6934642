/** For tests: a disk of a few megabytes in memory, where this process may mount one (root on Linux). */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

export interface SmallDisk {
  /** From here on nothing can be written to it. */
  makeReadOnly: () => void;
  resize: (megabytes: number) => void;
  remove: () => void;
}

/** @param path a directory, made when it is not there; @returns null where mounting is not allowed */
export function smallDisk(path: string, megabytes: number): SmallDisk | null {
  mkdirSync(path, { recursive: true });
  const mount = (...options: string[]) => execFileSync("mount", [...options, path], { stdio: "ignore" });
  try {
    mount("-t", "tmpfs", "-o", `size=${megabytes}m,mode=700`, "tmpfs");
  } catch {
    return null;
  }
  return {
    makeReadOnly: () => void mount("-o", "remount,ro"),
    resize: (size) => void mount("-o", `remount,size=${size}m`),
    remove: () => void execFileSync("umount", ["-l", path], { stdio: "ignore" }),
  };
}
