import { existsSync } from "node:fs";

/**
 * For tests of crashes: temporary files of this process and its children lie in memory, where there is such a disk. A killed process loses
 * nothing there, and thousands of syncs do not wait for the machine's busy disk. Call it before temporaryControlPlane.
 */
export function temporaryFilesInMemory(): void {
  if (existsSync("/dev/shm")) process.env["TMPDIR"] = "/dev/shm";
}
